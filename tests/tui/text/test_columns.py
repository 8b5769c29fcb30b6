"""The columns at each width, and what stands in them."""

import itertools
from datetime import timedelta

import pytest
from rich.cells import cell_len

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Phase, Progress, Status, WaitReason
from tests.tui.samples import FORBIDDEN, HOSTILE, NOW, sample
from tui.text.cells import Cell, Role
from tui.text.columns import Column, layout, row, titles
from tui.text.download_state import status_text
from tui.text.wording import state

MOVING = {"status": Status.ACTIVE, "phase": Phase.DOWNLOADING, "total_bytes": 4096}
STALLED = ErrorInfo(
    code=ErrorCode.HTTP_STATUS, message="the server answered 503 (service unavailable)"
)


def text_of(cells: tuple[Cell, ...]) -> str:
    line = ""
    for cell in cells:
        line += " " * (cell.x - cell_len(line)) + cell.text
    return line


@pytest.mark.parametrize("width", [30, 40, 59, 60, 79, 80, 99, 100, 120, 139, 140, 200])
def test_columns_stand_side_by_side_and_leave_the_scroll_bar_its_cell(width: int) -> None:
    slots = layout(width)
    for left, right in itertools.pairwise(slot for slot in slots if slot.width):
        assert left.x + left.width < right.x
    assert slots[-1].x + slots[-1].width == width - 1


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140, 200])
def test_the_name_is_the_widest_column(width: int) -> None:
    name, *others = layout(width)
    assert name.column is Column.NAME
    assert name.width > max(slot.width for slot in others)


def test_a_narrow_window_gives_up_columns_but_never_name_and_status() -> None:
    assert [slot.column for slot in layout(80)] == list(Column)
    assert Column.BAR not in [slot.column for slot in layout(60)]
    assert [slot.column for slot in layout(40)] == [Column.NAME, Column.PERCENT, Column.STATUS]


def test_a_moving_download_shows_all_its_figures() -> None:
    progress = Progress(bytes_downloaded=1024, rate=2048.0, eta=42)
    line = text_of(row(layout(80), sample(**MOVING), progress, NOW))
    assert line.split() == [
        "▸",
        "file-1.iso",
        "4.00",
        "KiB",
        "██",
        "25%",
        "2.00",
        "KiB/s",
        "0:42",
    ]


def test_a_wide_window_also_says_that_a_download_is_downloading() -> None:
    progress = Progress(bytes_downloaded=1024, rate=2048.0, eta=42)
    assert "downloading" in text_of(row(layout(140), sample(**MOVING), progress, NOW))


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_heading_stands_over_cells_of_its_own(width: int) -> None:
    heading = titles(layout(width))
    for left, right in itertools.pairwise(heading):
        assert left.x + cell_len(left.text) < right.x
    assert ("Status" in text_of(heading)) is (width == 140)


def test_ascii_mode_draws_nothing_but_ascii() -> None:
    download = sample(**MOVING, name="a-name-that-is-much-too-long-for-the-column.iso")
    progress = Progress(bytes_downloaded=1500, rate=2048.0, eta=42)
    assert text_of(row(layout(80), download, progress, NOW, ascii_only=True)).isascii()


def test_a_stale_rate_is_not_shown_for_what_does_not_move() -> None:
    progress = Progress(bytes_downloaded=1024, rate=2048.0, eta=42)
    for status in set(Status) - {Status.ACTIVE}:
        line = text_of(row(layout(120), sample(status=status, total_bytes=4096), progress, NOW))
        assert "KiB/s" not in line
        assert "0:42" not in line


def test_an_unknown_size_shows_what_came_so_far() -> None:
    download = sample(**(MOVING | {"total_bytes": None}))
    line = text_of(row(layout(80), download, Progress(bytes_downloaded=2048), NOW))
    assert line.split()[2:5] == ["2.00", "KiB+", "-"]


def test_a_completed_file_is_whole_whatever_was_reported_last() -> None:
    download = sample(status=Status.COMPLETED, total_bytes=4096)
    line = text_of(row(layout(80), download, Progress(bytes_downloaded=4000), NOW))
    assert "████████ 100% done" in line


def test_a_status_tells_why_a_download_waits() -> None:
    assert status_text(sample(wait_reason=WaitReason.QUEUED), Progress(), NOW) == "queued"
    waiting = sample(
        wait_reason=WaitReason.RETRY, retry_at=NOW + timedelta(seconds=42), error=STALLED
    )
    assert status_text(waiting, Progress(), NOW) == "retry in 0:42 (503)"


def test_a_download_whose_time_has_come_waits_for_its_turn() -> None:
    due = sample(wait_reason=WaitReason.RETRY, retry_at=NOW, error=STALLED)
    assert status_text(due, Progress(), NOW) == "queued (503)"


def test_a_status_tells_what_an_active_download_does() -> None:
    verifying = sample(status=Status.ACTIVE, phase=Phase.VERIFYING, total_bytes=4000)
    assert status_text(verifying, Progress(), NOW) == "verifying"
    assert status_text(verifying, Progress(verified=1000), NOW) == "verifying 25%"


def test_a_status_tells_why_a_download_failed() -> None:
    assert status_text(sample(status=Status.FAILED, error=STALLED), Progress(), NOW) == (
        "failed: 503 (service unavailable)"
    )


def test_a_file_that_nothing_vouches_for_is_called_unverified() -> None:
    verdict = "unverified: server gives no validator and no ranges"
    done = sample(status=Status.COMPLETED, resume_verdict=verdict)
    assert status_text(done, Progress(), NOW) == "done, unverified"
    assert state(done, Progress()) == "completed, unverified"


def test_a_file_that_was_there_before_is_called_skipped() -> None:
    done = sample(status=Status.COMPLETED, resume_verdict="skipped: the file exists")
    assert status_text(done, Progress(), NOW) == "done, skipped"
    assert state(done, Progress()) == "completed, skipped"


def test_the_reason_runs_on_where_rate_and_eta_would_be_empty() -> None:
    failed = sample(status=Status.FAILED, error=STALLED)
    cells = row(layout(80), failed, Progress(), NOW)
    assert cells[-1].text.startswith("503 (service unav")
    assert cells[-1].x + cell_len(cells[-1].text) == 79


def test_a_long_queue_is_not_a_column_of_empty_bars() -> None:
    cells = row(layout(80), sample(total_bytes=4096), Progress(), NOW)
    assert not {Role.BAR, Role.BAR_IDLE, Role.BAR_DONE} & {cell.role for cell in cells}


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("width", [40, 80, 140])
def test_foreign_text_changes_nothing_but_its_own_cells(text: str, width: int) -> None:
    error = ErrorInfo(code=ErrorCode.INTERNAL, message=text)
    download = sample(name=text, status=Status.FAILED, error=error)
    cells = row(layout(width), download, Progress(), NOW)
    plain = row(layout(width), download.replace(name="x"), Progress(), NOW)
    assert [(cell.x, cell_len(cell.text)) for cell in cells] == [
        (cell.x, cell_len(cell.text)) for cell in plain
    ]
    assert not any(mark in text_of(cells) for mark in FORBIDDEN)


def test_what_lies_outside_of_a_download_is_told_with_its_reason() -> None:
    full = ErrorInfo(code=ErrorCode.DISK_FULL, message="1.0 MiB of room are missing in /d")
    waiting = sample(wait_reason=WaitReason.DISK_LOW, error=full)
    assert status_text(waiting, Progress(), NOW) == "disk low (1.0 MiB of room are missing in /d)"
    assert status_text(sample(wait_reason=WaitReason.NO_NETWORK), Progress(), NOW) == "no network"
