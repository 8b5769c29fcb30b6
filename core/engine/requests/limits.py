"""Which limits are in force: the settings, their timetable, and what a person changed since.

The engine asks it to change them; the transfers read them from the context they share, so that a
change holds at once for what runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC

from core.domain.errors import UsageError
from core.domain.service import LimitChanges, Limits, RateSource
from core.domain.setting_checks import check_limit
from core.domain.settings import LimitSettings
from core.domain.value import asdict, replace
from core.engine.downloads.list import DownloadList
from core.engine.transfer.context import TransferContext
from core.policy.queue.timetable import entry_at, rate_at

log = logging.getLogger(__name__)

REVIEW = 60.0
"""Seconds after which the wall clock is read again: it may have jumped."""
_SHORTEST = 0.1
_COUNTS = ("active", "connections", "connections_per_host")


class LimitKeeper:
    """Puts the limits in force into `context`; `on_change` hears when more or fewer may run.

    What a person changed is kept with the list of downloads.
    """

    def __init__(
        self,
        settings: LimitSettings,
        downloads: DownloadList,
        context: TransferContext,
        on_change: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._downloads = downloads
        self._context = context
        self._clock = context.clock
        self._on_change = on_change
        self._following: asyncio.Task[None] | None = None

    def obey(self, settings: LimitSettings) -> None:
        """Put settings into force, and follow their timetable.

        What a person changed goes before them, also what was changed before the last end.
        """
        self._settings = settings
        self.close()
        self._apply()
        if settings.schedule:
            self._following = asyncio.create_task(self._follow(), name="timetable")

    def obey_group(self, name: str, rate: int | None) -> None:
        """Let the downloads of a group have no more than this rate together (None: any)."""
        if rate is not None or name in self._context.group_limits:
            self._context.limit_of_group(name).set_rate(rate, self._clock.monotonic())

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def review(self) -> None:
        """Read the wall clock again: it was set, or the machine slept."""
        if self._settings.schedule:
            self._apply()

    async def change(self, changes: LimitChanges) -> None:
        """Put a change into force and return once it is on disk.

        Raises UsageError for a value that cannot be meant; then nothing has changed.
        """
        wanted = {name: value for name, value in asdict(changes).items() if value is not None}
        for name in _COUNTS:
            if name in wanted:
                check_limit(name, wanted[name])
        if wanted.get("rate", 0) < 0:
            raise UsageError("a rate is 1 byte/s or more, or off")
        before = LimitChanges() if wanted.pop("reset") else self._downloads.limits
        self._downloads.keep_limits(replace(before, **wanted))
        self._apply()
        await self._downloads.flush()

    @property
    def in_force(self) -> Limits:
        """The limits that hold right now."""
        settings, changes = self._settings, self._downloads.limits
        # The timetable is written in the time that the person's wall shows.
        now = self._clock.now().astimezone().replace(tzinfo=None)
        rate, until = rate_at(settings.schedule, settings.rate_bytes, now)
        source = RateSource.SCHEDULE if entry_at(settings.schedule, now) else RateSource.SETTINGS
        if changes.rate is not None:
            rate, until, source = changes.rate or None, None, RateSource.COMMAND
        return Limits(
            rate=rate,
            rate_source=source,
            until=until.astimezone(UTC) if until else None,
            active=changes.active or settings.active,
            connections=changes.connections or settings.connections,
            connections_per_host=changes.connections_per_host or settings.connections_per_host,
        )

    def _apply(self) -> None:
        limits, context = self.in_force, self._context
        if context.rate_limit.rate != limits.rate:
            log.info("the limit is %s now (%s)", limits.rate or "off", limits.rate_source)
            context.rate_limit.set_rate(limits.rate, self._clock.monotonic())
        context.host_budget.set_limit(limits.connections_per_host)
        context.limits = replace(
            self._settings,
            active=limits.active,
            connections=limits.connections,
            connections_per_host=limits.connections_per_host,
        )
        self._downloads.tell_limit(limits.rate)
        self._on_change()

    async def _follow(self) -> None:
        while True:
            until = self.in_force.until
            left = (until - self._clock.now()).total_seconds() if until else REVIEW
            await self._clock.sleep(min(REVIEW, max(_SHORTEST, left)))
            self._apply()
