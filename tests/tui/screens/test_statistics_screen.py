"""The statistics say what is so, at every width, and follow the person through the periods."""

from datetime import timedelta

import pytest
from rich.cells import cell_len

from core.domain.errors import DaemonError, ErrorCode
from core.domain.history import (
    AttemptEnd,
    Busiest,
    DayFigures,
    FailureCount,
    HistoryEntry,
    HostFigures,
    PhaseTimes,
    PhaseTrends,
    Statistics,
    Trend,
)
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.samples import FORBIDDEN, HOSTILE, NOW, app_for, until, until_gone
from tui.text.cells import Line
from tui.text.fmt import seconds
from tui.text.statistics_report import report

MIB = 1024**2
NONE = Trend(now=None, before=None)


def attempt(number: int, **changes: object) -> HistoryEntry:
    entry = HistoryEntry(
        number=number,
        download=f"{number:08x}",
        url="http://example.org/",
        host="example.org",
        name=f"file-{number}.iso",
        directory="/data",
        group=None,
        started_at=NOW - timedelta(hours=number + 1),
        ended_at=NOW - timedelta(hours=number),
        end=AttemptEnd.COMPLETED,
        bytes=number * MIB,
        phases=PhaseTimes(downloading=8.0),
        average_rate=MIB / 8,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def figures(**changes: object) -> Statistics:
    """Return figures in which no two are alike."""
    statistics = Statistics(
        days=7,
        attempts=57,
        completed=40,
        failed=2,
        retried=15,
        success_rate=Trend(now=40 / 42, before=0.92),
        total_bytes=Trend(now=12.0 * MIB, before=8.0 * MIB),
        average_rate=Trend(now=3.0 * MIB, before=4.0 * MIB),
        best_rate=11.0 * MIB,
        phases=PhaseTrends(
            connecting=Trend(now=0.21, before=0.21),
            downloading=Trend(now=187.0, before=None),
            verifying=Trend(now=2.3, before=1.15),
            finalizing=NONE,
        ),
        failures=(
            FailureCount(
                code=ErrorCode.AUTH_REQUIRED, host="closed.test", count=13, message="who are you?"
            ),
        ),
        hosts=(
            HostFigures(
                host="far.test",
                completed=33,
                failed=1,
                bytes=9 * MIB,
                average_rate=5.0 * MIB,
                best_rate=6.0 * MIB,
            ),
            HostFigures(
                host="near.test", completed=7, failed=0, bytes=1, average_rate=None, best_rate=None
            ),
        ),
        hours=tuple(MIB * hour for hour in range(24)),
        daily=tuple(
            DayFigures(
                day=f"2025-02-{day:02}",
                completed=day,
                bytes=day * MIB,
                cpu_seconds=1.5,
                peak_memory=77 * MIB,
            )
            for day in range(22, 29)
        ),
        total_time=Trend(now=200.0, before=100.0),
        attempt_time=Trend(now=90.0, before=None),
        week=((0,) * 24, (0,) * 10 + (4 * MIB, MIB) + (0,) * 12, *((0,) * 24,) * 5),
        busiest=Busiest(weekday=1, since=10, until=12, bytes=5 * MIB),
        recent=(
            attempt(1),
            attempt(30, end=AttemptEnd.FAILED, error_code=ErrorCode.DNS),
            attempt(3, end=AttemptEnd.INTERRUPTED),
        ),
    )
    return replace(statistics, **changes)  # type: ignore[arg-type]


class Statistician(FakeService):
    """A service with given figures, or an error, for every period."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.figures = figures()
        self.error: DaemonError | None = None

    async def statistics(self, days: int) -> Statistics:
        self.asked.append(days)
        if self.error is not None:
            raise self.error
        return replace(self.figures, days=days)


def written(statistics: Statistics, width: int, *, ascii_only: bool = False) -> list[str]:
    return [text(line) for line in report(statistics, width, NOW, ascii_only=ascii_only)]


def text(line: Line) -> str:
    """Join cells, which stand from left to right without overlap."""
    joined = ""
    for cell in line:
        assert cell.x >= cell_len(joined)
        joined += " " * (cell.x - cell_len(joined)) + cell.text
    return joined


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("days", [1, 7, 30, 365])
def test_every_width_is_kept(days: int, ascii_only: bool) -> None:
    first = NOW.date() - timedelta(days=days)
    daily = tuple(
        DayFigures(day=str(first + timedelta(days=n)), bytes=n * MIB) for n in range(days)
    )
    for width in range(36, 240, 7):
        for line in written(figures(days=days, daily=daily), width, ascii_only=ascii_only):
            assert cell_len(line.rstrip()) < width
            assert line.isascii() or not ascii_only


def test_the_week_shows_when_it_is_busy_and_how_long_a_download_takes() -> None:
    shown = written(figures(), 80)
    lines = [line.strip() for line in shown]
    week = next(index for index, line in enumerate(lines) if line.startswith("Week"))
    assert lines[week].split("  ")[-1].strip() == "busiest Tue 10\u201312, 5.00 MiB"
    assert [line.split()[0] for line in lines[week + 1 : week + 8]] == [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
    ]  # fmt: skip
    assert lines[week + 2] == "Tue" + " " * (1 + 3 * 10) + "███░░░"
    assert "00:00" in lines[week + 8]
    plain = [line.strip() for line in written(figures(), 80, ascii_only=True)]
    assert plain[week].endswith("busiest Tue 10-12, 5.00 MiB")
    whole = next(line for line in lines if line.startswith("Total since added"))
    assert whole.split()[3:] == ["3:20", "1:40", "+100%"]


def test_figures_stand_beside_those_of_the_period_before() -> None:
    lines = {line.split("  ")[0].strip(): line.split() for line in written(figures(), 80)}
    assert lines["Success"][1:] == ["95%", "92%", "+3", "points"]
    assert lines["Downloaded"][1:] == ["12.0", "MiB", "8.00", "MiB", "+50%"]
    assert lines["Average rate"][2:] == ["3.00", "MiB/s", "4.00", "MiB/s", "-25%"]
    assert lines["Connecting"][1:] == ["0.21", "s", "0.21", "s", "same"]
    assert lines["Downloading"][1:] == ["3:07"]
    assert lines["Verifying"][1:] == ["2.30", "s", "1.15", "s", "+100%"]
    assert lines["Finalizing"][1:] == ["-"]


def test_not_all_is_never_called_a_hundred_percent() -> None:
    nearly = figures(success_rate=Trend(now=0.9999, before=1.0))
    line = next(line for line in written(nearly, 80) if "Success" in line)
    assert line.split()[1:] == ["99%", "100%", "same"]


def test_failures_say_how_often_why_and_where_also_where_it_is_narrow() -> None:
    for width in (40, 80, 160):
        joined = "\n".join(written(figures(), width))
        assert all(word in joined for word in ("13", "auth required", "closed", "who are you?"))


def test_bars_compare_the_hosts() -> None:
    lines = written(figures(), 80)
    (far,) = (line for line in lines if "far.test" in line)
    (near,) = (line for line in lines if "near.test" in line)
    assert far.count("█") == 12
    assert near.count("▏") == 1
    assert far.split()[-6:] == ["9.00", "MiB", "33", "1", "5.00", "MiB/s"]


def test_many_hosts_end_in_how_many_more() -> None:
    host = figures().hosts[0]
    hosts = tuple(replace(host, host=f"host-{n}.test") for n in range(20))
    joined = "\n".join(written(figures(hosts=hosts), 80))
    assert "host-11.test" in joined
    assert "host-12.test" not in joined
    assert "and 8 more" in joined


def test_each_day_says_what_it_brought_and_what_it_took() -> None:
    (line,) = (
        line for line in written(figures(), 80) if "Fri 28 Feb" in line and "CPU" not in line
    )
    assert line.split()[4:] == ["28.0", "MiB", "28", "-", "1.50", "s", "77.0", "MiB"]


def test_a_year_is_told_by_months() -> None:
    daily = (
        *(DayFigures(day=f"2025-01-{n:02}", bytes=MIB, completed=1) for n in range(1, 32)),
        DayFigures(day="2025-02-01", bytes=MIB, cpu_seconds=2.0, peak_memory=5 * MIB),
        DayFigures(day="2025-02-02", bytes=MIB, cpu_seconds=3.0, peak_memory=4 * MIB),
    )
    lines = written(figures(days=365, daily=daily), 80)
    january, february = (line for line in lines if " 2025 " in line)
    assert january.split()[3:] == ["31.0", "MiB", "31", "-", "-", "-"]
    assert february.split()[3:] == ["2.00", "MiB", "-", "-", "5.00", "s", "5.00", "MiB"]


def test_attempts_say_how_they_ended_and_when() -> None:
    lines = written(figures(), 80)
    ended = f"{(NOW - timedelta(hours=1)).astimezone():%H:%M}"
    (done,) = (line for line in lines if "file-1.iso" in line)
    assert done.split()[0] == ended
    assert done.split()[-1] == "done"
    (failed,) = (line for line in lines if "file-30.iso" in line)
    assert failed.split()[:2] == ["28", "Feb"]
    assert failed.rstrip().endswith("failed: dns")
    assert any("file-3.iso" in line and "interrupted" in line for line in lines)


def test_an_empty_period_says_what_to_do() -> None:
    joined = " ".join(written(figures(attempts=0), 80))
    assert "Nothing was downloaded in the last 7 days." in joined
    assert "a to add" in joined


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.0, "0.00 s"), (9.99, "9.99 s"), (12.34, "12.3 s"), (60.0, "1:00")],
)
def test_short_times_have_digits_after_the_point(value: float | None, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize("line", HOSTILE)
def test_hostile_texts_are_cleaned(line: str) -> None:
    failure = replace(figures().failures[0], host=f"!{line}", message=f"!{line}")
    host = replace(figures().hosts[0], host=f"!{line}")
    statistics = figures(failures=(failure,), hosts=(host,), recent=(attempt(1, name=f"!{line}"),))
    for width in (40, 80, 160):
        for shown in written(statistics, width):
            assert not any(mark in shown for mark in FORBIDDEN)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)])
async def test_s_opens_the_statistics_and_escape_leads_back(size: tuple[int, int]) -> None:
    service = Statistician()
    app = app_for(service)
    async with app.run_test(size=size) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("S")
        shown = await until(pilot, "Last 7 days", "[7]", "40")
        assert ("busiest 23:00" in shown) == (size[0] >= 120)
        await pilot.press("escape")
        await until(pilot, "Nothing to haul yet.")
        assert app.screen is app.main


async def test_the_brackets_and_the_arrows_choose_the_period() -> None:
    service = Statistician()
    async with app_for(service).run_test() as pilot:
        await until(pilot, "Nothing")
        await pilot.press("S")
        for key, days in (
            ("right_square_bracket", 30),
            ("right", 365),
            ("right_square_bracket", 365),
            ("left", 30),
            ("left_square_bracket", 7),
            ("left", 1),
        ):
            await pilot.press(key)
            title = "Last day" if days == 1 else f"Last {days} days"
            await until(pilot, title, f"[{days}]")
    assert service.asked == [7, 30, 365, 365, 30, 7, 1]


async def test_capital_r_reads_the_figures_again() -> None:
    service = Statistician()
    async with app_for(service).run_test() as pilot:
        await until(pilot, "Nothing")
        await pilot.press("S")
        await until(pilot, "40")
        service.figures = figures(completed=4711)
        await pilot.press("R")
        await until(pilot, "4711")


async def test_they_are_read_again_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.statistics_screen._EVERY", 0.05)
    service = Statistician()
    async with app_for(service).run_test() as pilot:
        await until(pilot, "Nothing")
        await pilot.press("S")
        await until(pilot, "40")
        service.figures = figures(completed=4711)
        await until(pilot, "4711")


@pytest.mark.parametrize(
    ("down", "up"),
    [("j", "k"), ("down", "up"), ("pagedown", "pageup"), ("G", "g"), ("end", "home")],
)
async def test_the_figures_scroll(down: str, up: str) -> None:
    app = app_for(Statistician())
    async with app.run_test(size=(80, 12)) as pilot:
        await until(pilot, "Nothing")
        await pilot.press("S")
        await until(pilot, "Last 7 days")
        for _ in range(2):
            await pilot.press(down)
        await until_gone(pilot, "Last 7 days")
        if down in ("G", "end"):
            await until(pilot, "file-3.iso")
        for _ in range(2):
            await pilot.press(up)
        await until(pilot, "Last 7 days")


async def test_an_error_is_said_and_the_figures_stay() -> None:
    service = Statistician()
    async with app_for(service).run_test() as pilot:
        await until(pilot, "Nothing")
        await pilot.press("S")
        await until(pilot, "40")
        service.error = DaemonError("[/b]\x1b[31mno connection", hint="try again")
        await pilot.press("R")
        await until(pilot, "[/b]�[31mno connection (try again)", "Last 7 days")
        service.error = None
        await pilot.press("R")
        await until(pilot, "Last 7 days", gone="no connection")


async def test_ascii_mode_shows_nothing_but_ascii() -> None:
    async with app_for(Statistician(), ascii=True).run_test(size=(160, 50)) as pilot:
        await until(pilot, "Nothing")
        await pilot.press("S")
        assert (await until(pilot, "####", "busiest 23:00", "file-1.iso")).isascii()


async def test_an_empty_history_is_no_error() -> None:
    async with app_for(FakeService()).run_test() as pilot:
        await until(pilot, "Nothing to haul")
        await pilot.press("S")
        await until(pilot, "Nothing was downloaded in the last 7 days.")
