"""The table of `ls` and the lines of `show`."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Progress, Status, TimelineEntry, WaitReason
from tests.cli.samples import START, active, completed, download, view
from tui.cli.listing import details, table

MOVING = Progress(bytes_downloaded=500, rate=250.0, eta=2.0, connections=1)


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
    lines = details(view(item.replace(request=request)))
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
    lines = details(view(item.replace(request=request), MOVING))
    shown = {line[:12].strip(): line[12:] for line in lines}
    assert shown["connections"] == "1 of at most 4"
    assert shown["limit"] == "500 KiB/s"
    assert shown["mirrors"] == "https://b.example/a.bin"
    waiting = details(view(download().replace(request=request)))
    assert "connections at most 4" in waiting


def test_show_leaves_out_what_is_not_known() -> None:
    labels = [line.split()[0] for line in details(view(download()))]
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
    ]
