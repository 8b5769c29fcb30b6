"""What is known about the downloads of a call, and the exit status that follows from it."""

from __future__ import annotations

import pytest

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import Added, Changed, ProgressBatch, Removed, Snapshot
from core.domain.models import Download, Progress, Status
from tests.tui.cli.samples import active, completed, download
from tui.cli.following import Following
from tui.cli.progress_display import live_lines


def failed(download_id: str, code: ErrorCode) -> Download:
    return download(download_id, status=Status.FAILED, error=ErrorInfo(code=code, message="no"))


def changed(*downloads: Download) -> Changed:
    return Changed(revision=1, downloads=downloads)


def test_all_have_ended_when_the_last_one_has() -> None:
    following = Following([download("a"), download("b")])
    assert following.apply(changed(completed("a"))) == [completed("a")]
    assert not following.is_done
    assert following.apply(changed(completed("b"))) == [completed("b")]
    assert following.is_done
    assert following.exit_code == 0


def test_an_end_is_told_once() -> None:
    following = Following([download("a")])
    following.apply(changed(completed("a")))
    assert following.apply(changed(completed("a"))) == []


def test_what_somebody_starts_again_has_not_ended() -> None:
    following = Following([download("a")])
    following.apply(changed(failed("a", ErrorCode.NETWORK)))
    following.apply(changed(active("a")))
    assert not following.is_done
    assert following.apply(changed(completed("a"))) == [completed("a")]


def test_downloads_of_others_do_not_matter() -> None:
    following = Following([download("a")])
    following.apply(Added(revision=1, downloads=(download("b"),)))
    following.apply(ProgressBatch(revision=2, progress={"b": Progress(bytes_downloaded=1)}))
    following.apply(Removed(revision=3, ids=("b",)))
    assert [item.id for item in following] == ["a"]
    assert following.progress("b") == Progress()
    assert not following.is_done


def test_the_latest_progress_counts() -> None:
    following = Following([download("a")])
    for count in (1, 2):
        following.apply(
            ProgressBatch(revision=count, progress={"a": Progress(bytes_downloaded=count)})
        )
    assert following.progress("a").bytes_downloaded == 2


def test_what_a_snapshot_does_not_hold_was_removed() -> None:
    following = Following([download("a"), download("b")])
    ended = following.apply(Snapshot(revision=1, downloads=(active("b"),), progress={}))
    assert [item.id for item in ended] == ["a"]
    assert following.is_removed("a")
    assert [item.id for item in following.unfinished] == ["b"]


@pytest.mark.parametrize("status", [Status.PAUSED, Status.CANCELLED])
def test_what_somebody_else_stopped_is_unfinished(status: Status) -> None:
    following = Following([download("a")])
    following.apply(changed(download("a", status=status)))
    assert following.is_done
    assert following.exit_code == 7


def test_what_somebody_took_off_the_list_is_unfinished() -> None:
    following = Following([download("a")])
    following.apply(Removed(revision=1, ids=("a",)))
    assert following.is_done
    assert following.exit_code == 7


def test_the_first_failure_in_the_order_of_the_urls_decides() -> None:
    following = Following([download("a"), download("b"), download("c")])
    following.apply(changed(failed("c", ErrorCode.CHECKSUM)))
    following.apply(changed(failed("b", ErrorCode.NOT_FOUND)))
    following.apply(changed(completed("a")))
    assert following.exit_code == 3


def test_the_time_left_is_told_of_what_is_followed_alone() -> None:
    following = Following([active("a"), download("b")])
    assert following.eta is None
    following.apply(ProgressBatch(revision=1, progress={}, eta=90.0))
    assert following.eta == 90.0
    assert live_lines(following, columns=100, rows=24)[-1].endswith("1 waiting, 1:30 left")
    following.apply(Added(revision=2, downloads=(download("c"),)))
    assert following.eta is None
    following.apply(changed(completed("c")))
    assert following.eta == 90.0
    following.apply(changed(download("a")))
    assert not live_lines(following, columns=100, rows=24)[-1].endswith("left")
