"""What a `FakeService` has beside downloads: settings, history, leftovers, its log, its machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.adapters.files.browsing import Surroundings
from core.domain.errors import ErrorInfo, UsageError
from core.domain.history import History, HistoryEntry, HistoryQuery, Statistics
from core.domain.machines import DirectoryView, Machine
from core.domain.service import (
    MOST_LOG_LINES,
    LimitChanges,
    Limits,
    RateSource,
    SettingInForce,
)
from core.domain.setting_checks import check_limit
from core.domain.settings import Settings
from core.domain.upkeep import Checkup, Cleanup, Leftover
from core.domain.value import asdict, replace
from core.policy.settings_in_force import settings_in_force
from core.policy.statistics import statistics


class FakeUpkeep:
    """A test says what there is of it: `settings`, `attempts`, `leftovers`, `log`, `directory`."""

    if TYPE_CHECKING:
        _note: Callable[[str, Sequence[str] | None], None]
        _tell: Callable[[], None]

    def __init__(self) -> None:
        self.settings = Settings()
        self._limits: dict[str, int] = {}
        self.environment: tuple[str, ...] = ()
        self.read_settings: Callable[[], Settings] = lambda: self.settings
        self.attempts: list[HistoryEntry] = []
        self.leftovers: tuple[Leftover, ...] = ()
        self.log: list[str] = []
        self.directory = "."
        self.refuses_to_clean: str | None = None
        self._surroundings = Surroundings()

    async def limit(self, changes: LimitChanges) -> Limits:
        self._note("limit", None)
        settings = self.settings.limits
        if (changes.rate or 0) < 0:
            raise UsageError("a rate is 1 byte/s or more")
        for name in ("active", "connections", "connections_per_host"):
            if (value := getattr(changes, name)) is not None:
                check_limit(name, value)
        given = {
            name: value
            for name, value in asdict(changes).items()
            if value is not None and name != "reset"
        }
        before, self._limits = self._limits, ({} if changes.reset else self._limits) | given
        if (before.get("rate") or 0) != (self._limits.get("rate") or 0):
            self._tell()
        counts = {name: value for name, value in self._limits.items() if name != "rate"}
        in_force = Limits(
            rate=self._limits.get("rate") or None,
            rate_source=RateSource.COMMAND if "rate" in self._limits else RateSource.SETTINGS,
            active=settings.active,
            connections=settings.connections,
            connections_per_host=settings.connections_per_host,
        )
        return replace(in_force, **counts)

    async def settings_in_force(self) -> list[SettingInForce]:
        return settings_in_force(
            self.read_settings(),
            await self.limit(LimitChanges()),
            LimitChanges(**self._limits),
            self.environment,
        )

    async def reload(self) -> list[str]:
        self._note("reload", None)
        self.settings = self.read_settings()
        begun = Settings()
        return [
            f"{section}.{name}"
            for section in ("network", "log")
            for name, value in asdict(getattr(begun, section)).items()
            if value != getattr(getattr(self.settings, section), name)
        ]

    async def history(self, query: HistoryQuery) -> History:
        self._note("history", None)
        entries = [entry for entry in self.attempts if query.admits(entry)]
        return History(entries=tuple(entries[::-1][: query.limit]))

    async def clear_history(self) -> int:
        self._note("clear_history", None)
        count = len(self.attempts)
        self.attempts.clear()
        return count

    async def statistics(self, days: int) -> Statistics:
        self._note("statistics", None)
        return statistics(self.attempts, {}, now=datetime.now(UTC).astimezone(), days=days)

    async def clean(self, *, dry_run: bool, only: Sequence[str] | None = None) -> Cleanup:
        self._note("clean", None)
        found = self.leftovers
        if self.refuses_to_clean is not None:
            return Cleanup(kept=found, refused=self.refuses_to_clean)
        if not dry_run:
            for leftover in found:
                Path(leftover.path).unlink()
            self.leftovers = ()
        return Cleanup(removed=found)

    async def checkup(self) -> Checkup:
        self._note("checkup", None)
        return Checkup(leftovers=self.leftovers)

    async def tail_log(self, lines: int) -> list[str]:
        if lines < 1:
            raise UsageError("the end of the log has a line at least")
        return self.log[-min(lines, MOST_LOG_LINES) :]

    async def machine(self) -> Machine:
        self._note("machine", None)
        return self._surroundings.machine(self.directory)

    async def browse(self, path: str, prefix: str = "") -> DirectoryView:
        self._note("browse", None)
        return await self._surroundings.browse(self.directory, path, prefix)

    async def make_directories(self, root: str, directories: Sequence[str]) -> dict[str, ErrorInfo]:
        self._note("make_directories", None)
        if not all(directory.startswith(f"{root}/") for directory in directories):
            raise UsageError("that does not lie below the destination")
        for directory in directories:
            Path(directory).mkdir(parents=True, exist_ok=True)
        return {}
