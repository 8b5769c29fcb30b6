"""What people see while downloads run, on a terminal and in a log."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import Changed, Noticed, ProgressBatch, Removed, Snapshot
from core.domain.models import (
    TELLING,
    Download,
    Fetched,
    Phase,
    Progress,
    Status,
    WaitReason,
)
from core.domain.value import replace
from tests.tui.cli.samples import START, active, completed, download
from tui.cli.following import Following
from tui.cli.progress_display import LiveLines, Reports, live_lines
from tui.text.wording import HELD


class Log:
    """The lines of a Reports whose clock stands still until it is moved."""

    def __init__(self, following: Following, **options: bool) -> None:
        self.lines: list[str] = []
        self.time = 0.0
        self.following = following
        self.reports = Reports(self.lines.append, now=lambda: self.time, **options)

    def after(self, *downloads: Download, done: int = 0, rate: float | None = None) -> list[str]:
        """Return what is written when downloads change and have so many bytes."""
        self.following.apply(Changed(revision=1, downloads=downloads))
        progress = {d.id: Progress(bytes_downloaded=done, rate=rate) for d in downloads}
        self.following.apply(ProgressBatch(revision=2, progress=progress))
        before = len(self.lines)
        self.reports.update(self.following)
        return self.lines[before:]


@pytest.fixture
def log() -> Log:
    return Log(Following([download()]))


def test_the_start_is_told_once(log: Log) -> None:
    assert log.after(download(wait_reason=WaitReason.QUEUED)) == []
    assert log.after(active()) == ["a.bin: downloading, 0% 0 B of 1000 B"]
    assert log.after(active(), done=50) == []


def test_every_ten_percent_has_a_line(log: Log) -> None:
    log.after(active())
    told = [line for done in range(0, 1000, 20) for line in log.after(active(), done=done, rate=5)]
    assert len(told) == 9
    assert told[0] == "a.bin: downloading, 10% 100 B of 1000 B, 5 B/s"


def test_a_line_of_one_that_moves_tells_the_time_left(log: Log) -> None:
    log.following.apply(Changed(revision=1, downloads=(active(),)))
    moves = Progress(bytes_downloaded=250, rate=100.0, eta=7.5)
    log.following.apply(ProgressBatch(revision=2, progress={download().id: moves}))
    log.reports.update(log.following)
    assert log.lines == ["a.bin: downloading, 25% 250 B of 1000 B, 100 B/s, 0:08 left"]


def test_every_ten_seconds_has_a_line(log: Log) -> None:
    log.after(active(total_bytes=None))
    log.time = 9.9
    assert log.after(active(total_bytes=None), done=512) == []
    log.time = 10.0
    assert log.after(active(total_bytes=None), done=512) == ["a.bin: downloading, 512 B"]


def test_a_retry_is_told_with_its_reason(log: Log) -> None:
    busy = ErrorInfo(code=ErrorCode.HTTP_STATUS, message="the server answered 503", status=503)
    soon = datetime.now(UTC) + timedelta(seconds=18.4)
    (line,) = log.after(download(wait_reason=WaitReason.RETRY, retry_at=soon, error=busy))
    assert re.fullmatch(r"a\.bin: retry in 0:1\d \(503\)", line)
    log.time = 10.0
    assert len(log.after()) == 1
    cut = ErrorInfo(code=ErrorCode.NETWORK, message="cut off")
    again = download(wait_reason=WaitReason.RETRY, retry_at=soon, retry_count=2, error=cut)
    (line,) = log.after(again)
    assert re.fullmatch(r"a\.bin: retry in 0:1\d \(network\): cut off", line)


def test_what_lasts_is_told_and_what_is_over_in_no_time_is_not(log: Log) -> None:
    connecting = active(phase=Phase.CONNECTING)
    assert log.after(connecting) == []
    log.time = 0.5
    assert log.after(connecting) == ["a.bin: connecting, 0% 0 B of 1000 B"]
    assert log.after(active()) == ["a.bin: downloading, 0% 0 B of 1000 B"]
    assert log.after(active(phase=Phase.VERIFYING)) == []
    log.time = 1.0
    assert log.after(active(phase=Phase.VERIFYING), done=1000) == [
        "a.bin: verifying, 100% 1000 B of 1000 B"
    ]


def test_the_place_in_the_queue_is_told_with_those_before_it(log: Log) -> None:
    others = [download(f"o{i}", order=0.1 * i, wait_reason=WaitReason.QUEUED) for i in (1, 2)]
    runs = active("r", order=0.0)
    assert live_lines(log.following, columns=100, rows=24)[0].endswith(" queued")
    log.following.apply(Snapshot(revision=1, downloads=(runs, *others, download()), progress={}))
    assert log.after() == []
    log.time = 0.5
    line = "a.bin: queued, 3rd in the queue, behind 2 of others"
    assert log.after() == [line]
    assert line.partition(": ")[2] in live_lines(log.following, columns=100, rows=24)[0]
    log.time = 10.5
    log.following.apply(Removed(revision=2, ids=("o1", "o2")))
    assert log.after() == ["a.bin: queued, 1st in the queue, while 1 of others run"]


def test_of_many_that_wait_only_the_sum_is_told() -> None:
    log = Log(Following(download(str(number)) for number in range(500)))
    told = {}
    for log.time in (0.0, 0.5, 1.0, 10.0, 10.5):
        told[log.time] = log.after()
    line = "0 of 500 whole, 0 active, 500 waiting"
    assert told == {0.0: [], 0.5: [line], 1.0: [], 10.0: [], 10.5: [line]}


def test_a_whole_file_is_told_with_path_size_rate_and_verdict(log: Log) -> None:
    assert log.after(completed(resume_verdict="verified")) == [
        "/data/a.bin: 1000 B in 2.00 s at 500 B/s (verified)"
    ]
    assert log.after(completed()) == []


def test_only_what_came_now_is_told_with_its_time(log: Log) -> None:
    # The first attempt was a day ago.
    began = START - timedelta(days=1)
    resumed = Fetched(bytes=250, seconds=0.5, rate=625.0)
    assert log.after(completed(started_at=began, fetched=resumed)) == [
        "/data/a.bin: 1000 B (250 B of it now) in 0.50 s at 625 B/s"
    ]


def test_what_was_there_already_came_at_no_rate(log: Log) -> None:
    nothing = Fetched(bytes=0, seconds=0.01)
    skipped = completed(fetched=nothing, resume_verdict="skipped: the file exists")
    assert log.after(skipped) == ["/data/a.bin: 1000 B (skipped: the file exists)"]


def test_a_failure_is_told_with_its_hint(log: Log) -> None:
    error = ErrorInfo(code=ErrorCode.NOT_FOUND, message="not there", hint="check the URL")
    assert log.after(download(status=Status.FAILED, error=error)) == [
        "a.bin: not there; check the URL"
    ]


def test_what_somebody_else_did_is_told(log: Log) -> None:
    assert log.after(download(status=Status.PAUSED)) == ["a.bin: was paused before it was whole"]
    log.following.apply(Changed(revision=3, downloads=(active(),)))
    log.reports.update(log.following)
    log.following.apply(Removed(revision=4, ids=(download().id,)))
    log.reports.update(log.following)
    assert log.lines[-1] == "a.bin: was taken off the list before it was whole"


def test_quiet_tells_failures_only() -> None:
    log = Log(Following([download("a"), download("b", "b.bin")]), quiet=True)
    assert log.after(active("a"), active("b", "b.bin"), done=500) == []
    assert log.after(completed("a")) == []
    assert len(log.after(download("b", "b.bin", status=Status.CANCELLED))) == 1


def test_a_pause_that_nobody_asked_for_has_its_reason(log: Log) -> None:
    lost = ErrorInfo(code=ErrorCode.DISK, message="another file system is there", hint="mount it")
    log.after(active())
    (line,) = log.after(download(status=Status.PAUSED, error=lost))
    assert line == "a.bin: was paused before it was whole: another file system is there; mount it"


def test_quiet_tells_once_what_may_never_end_by_itself() -> None:
    log = Log(Following([download()]), quiet=True)
    error = ErrorInfo(code=ErrorCode.DISK_FULL, message="10 MiB of room are missing")
    stuck = download(wait_reason=WaitReason.DISK_LOW, error=error)
    (line,) = log.after(stuck)
    assert line.endswith("disk low: 10 MiB of room are missing")
    assert log.after(stuck) == []
    retry = download(wait_reason=WaitReason.RETRY, retry_at=START, error=error)
    assert log.after(retry) == []
    assert log.after(active()) == []  # a try that is in vain
    assert log.after(stuck) == []
    less_room = replace(error, message="20 MiB of room are missing")
    more = download(wait_reason=WaitReason.DISK_LOW, error=less_room)
    assert len(log.after(more)) == 1
    log.after(active(), done=500)
    assert len(log.after(more, done=500)) == 1


def test_the_live_lines_show_each_that_moves_and_a_sum() -> None:
    following = Following([active("a", "one.iso"), download("b"), completed("c")])
    progress = Progress(bytes_downloaded=250, rate=100, eta=7.5)
    following.apply(ProgressBatch(revision=1, progress={"a": progress}))
    assert live_lines(following, columns=100, rows=24) == [
        "one.iso                      25% 250 B of 1000 B 100 B/s 0:08 left",
        "1 of 3 whole, 1 active, 1 waiting, 100 B/s",
    ]


@pytest.mark.parametrize("embedded", [False, True])
def test_a_held_queue_is_told_while_it_holds_these(embedded: bool) -> None:
    log = Log(Following([download()], embedded=embedded))
    for paused in (True, False, True):
        log.following.apply(Noticed(revision=1, notices=(), paused=paused))
        held = [HELD] if paused and not embedded else []
        (line,) = live_lines(log.following, columns=80, rows=24)
        assert (line == HELD) == bool(held)
        assert log.after() == held
        assert log.after() == []
    log.following.apply(Changed(revision=2, downloads=(completed(),)))
    assert live_lines(log.following, columns=80, rows=24) == []


def test_a_held_queue_is_told_again_only_after_a_while() -> None:
    log = Log(Following([download()]))
    log.following.apply(Noticed(revision=1, notices=(), paused=True))
    said = []
    for log.time in (0.0, 0.6, 9.0, 10.1, 10.8, 20.2):
        said += [(log.time, line) for line in log.after()]
    assert said == [(0.0, HELD), (10.1, HELD), (20.2, HELD)]


def test_a_single_download_needs_no_sum() -> None:
    assert len(live_lines(Following([active()]), columns=80, rows=24)) == 1


def test_the_live_lines_never_outgrow_the_terminal() -> None:
    names = ["漢字" * 40, "e\u0301" * 80, "x" * 300]
    following = Following(active(str(i), names[i % 3]) for i in range(50))
    for columns, rows in ((80, 24), (20, 5), (3, 2), (1, 1)):
        lines = live_lines(following, columns=columns, rows=rows)
        assert all(cell_len(line) <= max(1, columns - 1) for line in lines)
        assert len(lines) <= max(2, rows - 1)


def test_what_a_server_says_cannot_move_the_cursor() -> None:
    error = ErrorInfo(code=ErrorCode.HTTP_STATUS, message="\x1b[2J\x9b1A\u202egone")
    hostile = download(
        name="\x1b]0;x\x07", wait_reason=WaitReason.RETRY, retry_at=START, error=error
    )
    assert all(line.isprintable() for line in live_lines(Following([hostile]), columns=90, rows=9))


def test_redrawing_takes_away_what_was_drawn_and_leaves_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = io.StringIO()
    following = Following([active("a"), active("b", "b.bin")])
    shown = LiveLines(stream)
    shown.update(following)
    assert stream.getvalue().count("\n") == 2  # three lines, none after the last
    ended = [completed(id_, completed_at=START + timedelta(seconds=1)) for id_ in ("a", "b")]
    following.apply(Changed(revision=1, downloads=tuple(ended)))
    shown.close(following)
    assert stream.getvalue().endswith("\r\x1b[2A\x1b[J")
    assert capsys.readouterr().err.count("/data/a.bin: 1000 B") == 2


def test_nothing_is_sent_when_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.cli.progress_display.REDRAW_INTERVAL", 0.0)
    stream = io.StringIO()
    following = Following([active("a")])
    shown = LiveLines(stream)
    shown.update(following)
    once = stream.getvalue()
    shown.update(following)
    assert stream.getvalue() == once
    following.apply(ProgressBatch(revision=1, progress={"a": Progress(bytes_downloaded=500)}))
    shown.update(following)
    assert stream.getvalue().startswith(once + "\r\x1b[J")


class _Attentive(Following):
    """Has all of its downloads looked at each time."""

    def worth_a_look(self, since: int, *, few: bool) -> list[Download]:
        return list(self)


STATES = [
    {"status": Status.PENDING, "wait_reason": WaitReason.QUEUED},
    {"status": Status.PENDING, "wait_reason": WaitReason.RETRY, "retry_count": 1},
    {"status": Status.PENDING, "wait_reason": WaitReason.DISK_LOW},
    {"status": Status.PAUSED},
    {"status": Status.ACTIVE, "phase": Phase.CONNECTING},
    {"status": Status.ACTIVE, "phase": Phase.DOWNLOADING, "total_bytes": 1000},
    {"status": Status.COMPLETED, "fetched": Fetched(bytes=1000, seconds=2.0, rate=500.0)},
    {"status": Status.FAILED, "error": ErrorInfo(code=ErrorCode.NETWORK, message="broke")},
]
IDS = [f"{number:02}" for number in range(12)]


@given(
    quiet=st.booleans(),
    steps=st.lists(
        st.tuples(
            st.sampled_from(IDS), st.sampled_from([*STATES, None]), st.sampled_from([0, 1, 6, 500])
        ),
        max_size=60,
    ),
)
def test_what_is_not_looked_at_has_nothing_to_tell(
    quiet: bool, steps: list[tuple[str, dict[str, object] | None, int]]
) -> None:
    def log_of(kind: type[Following]) -> Log:
        return Log(kind(download(id_, f"{id_}.bin") for id_ in IDS), quiet=quiet)

    thrifty, attentive = log_of(Following), log_of(_Attentive)
    for id_, state, moved in steps:
        for log in (thrifty, attentive):
            log.time += moved
            if state is None:
                log.following.apply(Removed(revision=1, ids=(id_,)))
                log.after()
            else:
                log.after(download(id_, f"{id_}.bin", **state), done=moved)
    assert thrifty.lines == attentive.lines
    assert [d.id for d in thrifty.following.lively] == [
        d.id
        for d in thrifty.following.unfinished
        if d.status is Status.ACTIVE or d.wait_reason in TELLING
    ]
