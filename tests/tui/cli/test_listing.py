"""The table of `ls` and the lines of `show`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.history import AttemptEnd
from core.domain.models import DownloadView, Progress, Status, TimelineEntry, WaitReason
from core.domain.value import replace
from tests.attempts import an_attempt
from tests.tui.cli.conftest import Winch
from tests.tui.cli.samples import START, active, completed, download, view
from tests.tui.samples import HOSTILE
from tui.cli.listing import Table, _row, pointed_out
from tui.cli.parser import parse as parse_command
from tui.model.filters import FilterError, parse
from tui.model.ordering import SortKey
from tui.text.wording import in_full

MOVING = Progress(bytes_downloaded=500, rate=250.0, eta=2.0, connections=1)


def table(views: list[DownloadView], width: int | None = None) -> list[str]:
    """Return what is printed of downloads, measured one by one."""
    made = Table(width)
    for one in views:
        made.measure([one])
    return [made.heading, *made.lines(views)]


def test_the_table_is_aligned_and_says_why_something_does_not_move() -> None:
    error = ErrorInfo(code=ErrorCode.DNS, message="no such host")
    views = [
        view(active("aaaaaaaa1"), MOVING),
        view(download("bbbbbbbb2", wait_reason=WaitReason.QUEUED)),
        view(download("cccccccc3", status=Status.FAILED, error=error)),
        view(completed("dddddddd4", "done.iso")),
    ]
    assert table(views, None) == [
        "ID        STATUS       DONE    SIZE     RATE   ETA  NAME",
        "aaaaaaaa  downloading   50%  1000 B  250 B/s  0:02  a.bin",
        "bbbbbbbb  queued          -       -        -     -  a.bin",
        "cccccccc  failed: dns     -       -        -     -  a.bin",
        "dddddddd  completed    100%  1000 B        -     -  done.iso",
    ]


def test_the_table_fits_the_terminal_and_is_whole_in_a_pipe() -> None:
    name = "漢" * 100 + ".iso"
    views = [view(active(name=name), MOVING)]
    assert name in table(views, None)[1]
    for width in (120, 80, 40, 10, 1):
        assert all(cell_len(line) <= width for line in table(views, width))


@given(
    st.lists(st.text(min_size=1, max_size=12) | st.sampled_from(HOSTILE), min_size=1, max_size=4),
    st.none() | st.integers(1, 120),
)
def test_what_is_plain_is_laid_out_like_all_else(names: list[str], width: int | None) -> None:
    views = [view(active(name=name), MOVING) for name in names]
    beside = view(download("bbbbbbbb2", status=Status.FAILED, total_bytes=7))
    made = Table(width)
    made.measure([*views, beside])
    for one in views:
        (line,) = made.lines([one])
        assert line == made._line(_row(one))


def test_a_foreign_name_changes_nothing_but_its_own_cell() -> None:
    lines = table([view(download(name="\x1b[2J\x9b\u202e\n.bin"))], None)
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_show_tells_all_there_is_and_no_secret() -> None:
    error = ErrorInfo(code=ErrorCode.AUTH_REQUIRED, message="who asks? \x1b[0m", hint="log in")
    item = download(
        status=Status.FAILED,
        error=error,
        timeline=(TimelineEntry(at=START, text="added"), TimelineEntry(at=START, text="failed")),
    )
    request = replace(
        item.request,
        url="https://me:hunter2@example.org/a.bin",
        headers={"Authorization": "hunter2"},
    )
    lines = in_full(view(item.replace(request=request)))
    shown = "\n".join(lines)
    assert "hunter2" not in shown
    assert all(line.isprintable() for line in lines)
    assert "log in" in shown
    assert [line.split("  ")[-1] for line in lines[-2:]] == ["added", "failed"]


def test_show_tells_what_was_asked_for_of_limits_and_mirrors() -> None:
    item = active()
    request = replace(
        item.request, connections=4, limit=512_000, mirrors=("https://me:hunter2@b.example/a.bin",)
    )
    lines = in_full(view(item.replace(request=request), MOVING))
    shown = {line[:12].strip(): line[12:] for line in lines}
    assert shown["connections"] == "1 of at most 4"
    assert shown["limit"] == "500 KiB/s"
    assert shown["mirrors"] == "https://b.example/a.bin"
    waiting = in_full(view(download().replace(request=request)))
    assert "connections at most 4" in waiting


def test_show_leaves_out_what_is_not_known() -> None:
    labels = [line.split()[0] for line in in_full(view(download()))]
    assert labels == [
        "id",
        "name",
        "url",
        "path",
        "status",
        "done",
        "position",
        "priority",
        "created",
        "updated",
    ]


def test_show_says_from_which_state_to_which_and_how_each_attempt_went() -> None:
    timeline = (
        TimelineEntry(at=START, text="added", after=Status.PENDING),
        TimelineEntry(at=START, text="started", before=Status.PENDING, after=Status.ACTIVE),
        TimelineEntry(at=START, text="the limit is 500 KiB/s"),
        TimelineEntry(at=START, text="completed", before=Status.ACTIVE, after=Status.COMPLETED),
    )
    attempts = [
        an_attempt(1, end=AttemptEnd.INTERRUPTED, bytes=3 << 20, average_rate=1 << 20),
        an_attempt(2, end=AttemptEnd.FAILED, bytes=0, error_message="no such host"),
    ]
    lines = in_full(view(completed(timeline=timeline)), attempts)
    told = [line[23:] for line in lines[lines.index("timeline") :]]
    assert told == [
        "",
        "pending: added",
        "pending to active: started",
        "the limit is 500 KiB/s",
        "active to completed",
        "",
        "interrupted after 1.00 s, 3.00 MiB at 1.00 MiB/s",
        "failed after 1.00 s: no such host",
    ]


@pytest.mark.parametrize(
    ("text", "carets"),
    [
        ("iso size:>", "           ^"),
        ("漢\x1b size:5x", "           ^^"),
        ('a "b', "    ^^"),
    ],
)
def test_a_mistake_in_a_filter_is_pointed_out_in_place(text: str, carets: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    shown, below = pointed_out(text, caught.value)
    assert shown.strip().isprintable()
    assert below == carets


def test_ls_finds_sorts_and_says_what_cannot_be_meant(winch: Winch) -> None:
    for name in ("b.iso", "a.iso", "c.zip"):
        assert winch("add", "--paused", f"http://127.0.0.1:1/{name}").returncode == 0

    def names(*words: str) -> list[str]:
        return [record["name"] for record in winch.json("ls", *words)]

    assert names("iso", "!b", "status:paused") == ["a.iso"]
    assert names("--sort", "name", "iso") == ["a.iso", "b.iso"]
    assert names("host:127.0.0.1 age:<1h", "--reverse") == ["c.zip", "a.iso", "b.iso"]
    nothing = winch("ls", "status:failed")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "no downloads match" in nothing.stderr
    wrong = winch("ls", "iso", "stat:failed")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    shown, carets, sentence = wrong.stderr.splitlines()
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "stat:"
    assert "there is no filter 'stat:'" in sentence
    assert winch("ls", "--sort", "mood").returncode == 2


def test_the_help_of_ls_names_everything_to_sort_by(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_command(["ls", "--help"])
    shown = capsys.readouterr().out
    assert all(key in shown for key in SortKey)
