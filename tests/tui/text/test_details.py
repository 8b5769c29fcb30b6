"""What is said of one download, in which order, and in how much room."""

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.inspection import ConnectionState
from core.domain.models import Progress, Segment, Status
from core.domain.value import replace
from tests.tui.samples import FORBIDDEN, HOSTILE, NOW
from tests.tui.text.inspected import TOTAL, WHY, connections, inspected, moving, running
from tui.text.cells import Line
from tui.text.details import Subject, report

RATES = [float(2**20 * (number % 9)) for number in range(100)]


def texts(lines: Sequence[Line]) -> list[str]:
    written = []
    for line in lines:
        text = ""
        for cell in line:
            text += " " * (cell.x - cell_len(text)) + cell.text
        written.append(text.rstrip())
    return written


def shown(subject: Subject, width: int = 78, height: int = 10, *, ascii_only: bool = False) -> str:
    return "\n".join(texts(report(subject, width, height, NOW, ascii_only=ascii_only)))


def subject(count: int = 2, **changes: object) -> Subject:
    return Subject(
        download=running(**changes),
        progress=moving(),
        inspection=inspected(count=count),
        rates=RATES,
    )


def test_the_most_telling_comes_first_where_there_is_little_room() -> None:
    lines = shown(subject()).splitlines()[:9]
    assert lines[0].split("  ")[:3] == ["downloading", "512 MiB of 1.00 GiB (50%)", "2.00 MiB/s"]
    assert lines[1] == f"Why slow?     {WHY[:63].rstrip()}"
    assert lines[3].startswith("█" * 38)
    assert "■ done   ▸─ 512 MiB being fetched" in lines[4]
    assert "peak 8.00 MiB/s, mean" in lines[5]
    assert lines[6] == "Connections  2 to example.org"
    assert " ".join(lines[7].split()) == "192.0.2.0 512 MiB - 768 MiB 1.00 KiB/s limited"


@pytest.mark.parametrize(("width", "height"), [(78, 10), (88, 55)])
def test_every_size_says_everything(width: int, height: int) -> None:
    said = " ".join(shown(subject(), width, height).split())
    for fact in (
        "https://example.org/1",
        "/data/file-1.iso",
        "verified",
        "2.00 MiB/s for all together",
        "example.org gets up to 6 connections, this download 4",
        "one more in 0:42",
        "limits 90%",
        "503",
        "206 Partial Content",
        '"v1"',
        "192.0.2.1",
    ):
        assert fact in said


def test_where_it_is_wide_there_are_two_columns() -> None:
    lines = shown(subject(), 118, 20).splitlines()
    assert any("Throughput" in line and "Connections" in line for line in lines)
    assert any("206 Partial Content" in line for line in lines)


def test_what_does_not_fit_of_the_connections_is_counted() -> None:
    said = shown(subject(count=7))
    assert "192.0.2.2" in said
    assert "192.0.2.3" not in said
    assert "+4 more" in said
    assert "more\n" not in shown(subject(count=7), 88, 55)


def test_a_mirror_is_named_where_there_are_several() -> None:
    first, second = connections(2)
    lines = (first, replace(second, url="https://mirror.example.net/1"))
    said = shown(dataclasses.replace(subject(), inspection=inspected(connections=lines)), 88, 55)
    assert "2 to 2 hosts" in said
    assert "mirror.example.net" in said


def test_a_connection_that_waits_for_an_answer_says_for_how_long() -> None:
    (line,) = connections(1)
    waiting = replace(line, state=ConnectionState.CONNECTING, rate=None, asked=65)
    said = shown(dataclasses.replace(subject(), inspection=inspected(connections=(waiting,))))
    assert "for 1:05  connecting" in said


@pytest.mark.parametrize(
    ("status", "label"),
    [
        (Status.ACTIVE, "Why slow?"),
        (Status.PENDING, "Why waiting?"),
        (Status.PAUSED, None),
        (Status.COMPLETED, None),
        (Status.FAILED, None),
    ],
)
def test_why_is_said_of_what_runs_or_waits(status: Status, label: str | None) -> None:
    said = shown(subject(status=status, phase=None))
    assert (label is not None) == ("Why" in said)
    assert label is None or label in said


def test_a_finished_file_that_was_found_damaged_says_so() -> None:
    error = ErrorInfo(code=ErrorCode.CHECKSUM, message="it is not whole", hint="fetch it again")
    said = shown(subject(status=Status.COMPLETED, phase=None, error=error))
    assert "it is not whole [checksum]" in said.splitlines()[1]
    assert "fetch it again" in said.splitlines()[2]


def test_a_whole_file_has_no_map_of_its_pieces() -> None:
    seen = inspected(done=(Segment(0, TOTAL),), claimed=(), connections=())
    said = shown(dataclasses.replace(subject(status=Status.COMPLETED, phase=None), inspection=seen))
    assert "■" not in said
    assert "missing" not in said


def test_a_file_of_unknown_size_has_none_either() -> None:
    seen = inspected(total=None, done=(Segment(0, 9),), claimed=(Segment(9, None),))
    one = dataclasses.replace(subject(total_bytes=None), inspection=seen)
    assert "512 MiB so far, the whole is not known" in shown(one)
    assert "being fetched" not in shown(one)


def test_nothing_moved_is_no_graph() -> None:
    assert "peak" not in shown(dataclasses.replace(subject(), rates=[0.0, 0.0]))


def test_before_anybody_has_looked_there_is_what_the_list_knows() -> None:
    said = shown(Subject(download=running(), progress=moving()))
    assert "512 MiB of 1.00 GiB" in said
    assert "/data/file-1.iso" in said


@given(st.integers(30, 220), st.integers(3, 60), st.integers(1, 20), st.booleans())
def test_no_line_is_longer_than_the_pane_and_no_cells_overlap(
    width: int, height: int, count: int, ascii_only: bool
) -> None:
    for line in report(subject(count), width, height, NOW, ascii_only=ascii_only):
        x = 0
        for cell in line:
            assert cell.x >= x
            x = cell.x + cell_len(cell.text)
        assert x <= width


@pytest.mark.parametrize("size", [(78, 10), (118, 20), (88, 55)])
def test_ascii_mode_has_nothing_else(size: tuple[int, int]) -> None:
    assert shown(subject(count=7), *size, ascii_only=True).isascii()


def test_a_mirror_is_named_without_its_login_however_odd_its_address_is() -> None:
    lines = connections(2)
    odd = (replace(lines[0], url="http://[::1"), replace(lines[1], url="http://u:pw@h.test:8/x"))
    page = shown(dataclasses.replace(subject(), inspection=inspected(connections=odd)), 118, 20)
    assert "[::1" in page
    assert "h.test:8" in page
    assert "pw@" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_can_change_nothing_but_its_own_cells(text: str) -> None:
    (line,) = connections(1)
    answer = replace(
        inspected().answer,  # type: ignore[type-var]
        url=f"https://h/{text}",
        reason=text,
        headers=((f"h{text}", f"v{text}"),),
    )
    seen = inspected(
        connections=(replace(line, url=text, peer=text),),
        answer=answer,
        slowness=replace(inspected().slowness, sentence=text),  # type: ignore[type-var]
        timeline=(replace(inspected().timeline[0], text=text),),
        limits=replace(
            inspected().limits, hosts=(replace(inspected().limits.hosts[0], host=text),)
        ),
    )
    download = running(
        name=text,
        id=f"1{text}",
        resume_verdict=text,
        error=ErrorInfo(code=ErrorCode.NETWORK, message=text, hint=text),
        request=replace(
            running().request, url=f"https://h/{text}", group=text, mirrors=(f"https://m/{text}",)
        ),
    )
    one = Subject(download=download, progress=Progress(), inspection=seen, rates=RATES)
    for size in ((78, 10), (118, 20)):
        for line_text in shown(one, *size).split("\n"):
            assert not any(mark in line_text for mark in FORBIDDEN)
