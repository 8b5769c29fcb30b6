"""What any front end may ask, whether the engine is in its process or behind a socket.

`Engine` implements it, `rpc.server` serves any implementation, `RemoteService` implements it
again; one contract suite runs against both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.domain.collection_service import CollectionService
from core.domain.errors import ErrorInfo
from core.domain.events import Event
from core.domain.figures import ChangesSince, Figures
from core.domain.history import History, HistoryQuery, Statistics
from core.domain.inspection import Inspection
from core.domain.machines import DirectoryView, Machine
from core.domain.models import DownloadRecord, DownloadRequest, DownloadView
from core.domain.outcomes import AddedPortion, Outcome, Removal
from core.domain.totals import Totals
from core.domain.upkeep import Checkup, Cleanup
from core.domain.value import Value, field

MOST_REMOVED = 1000
"""Removed downloads that can be brought back, the latest."""
MOST_LOG_LINES = 2000
"""Lines of the log that one request can have."""


class MoveTo(StrEnum):
    TOP = "top"
    BOTTOM = "bottom"
    UP = "up"
    DOWN = "down"


class ServiceStatus(Value, frozen=True, kw_only=True):
    """The state of the service as a whole. `notices` are sentences the person ought to read.

    While `paused`, nothing of the queue runs, whatever the downloads' own states. `waiting` tells,
    by reason (a value of WaitReason), how many of those that are pending wait.
    """

    version: str
    pid: int
    started_at: datetime
    embedded: bool
    counts: dict[str, int]
    rate: float
    clients: int
    paused: bool = False
    totals: Totals = field(default_factory=Totals)
    notices: tuple[str, ...] = ()
    waiting: dict[str, int] = field(default_factory=dict)


class Changes(Value, frozen=True, kw_only=True):
    """What to change of downloads. None leaves a field as it is; 0 and `""` take it away.

    So `limit` 0 (bytes/s) is no limit, `connections` 0 the number from the settings and `group`
    `""` no group; a priority of 0 is an ordinary one.
    """

    priority: int | None = None
    limit: int | None = None
    connections: int | None = None
    group: str | None = None


class LimitChanges(Value, frozen=True, kw_only=True):
    """What to change of the limits of all downloads together. None leaves a field as it is.

    `rate` is bytes/s, 0 for no limit. `reset` first takes back all that was changed before, so
    that the settings and their timetable hold again.
    """

    rate: int | None = None
    active: int | None = None
    connections: int | None = None
    connections_per_host: int | None = None
    reset: bool = False


class RateSource(StrEnum):
    SETTINGS = "settings"
    SCHEDULE = "schedule"
    COMMAND = "command"


class Limits(Value, frozen=True, kw_only=True):
    """The limits in force: `rate` in bytes/s (None: no limit), the others as in the settings.

    `until` is when the timetable changes the rate next, None where it will not.
    """

    rate: int | None
    rate_source: RateSource
    active: int
    connections: int
    connections_per_host: int
    until: datetime | None = None


class SettingSource(StrEnum):
    """Who had the last word on a setting; `SETTINGS` is config.toml or the default."""

    SETTINGS = "settings"
    ENVIRONMENT = "environment"
    SCHEDULE = "schedule"
    COMMAND = "command"


class SettingInForce(Value, frozen=True, kw_only=True):
    """The value of a setting (`limits.rate`) that the service obeys, as a person writes it.

    `otherwise` is what it would be without `winch limit` and the timetable, `usual_source` who says
    that.
    """

    name: str
    value: str
    source: SettingSource
    otherwise: str
    usual_source: SettingSource = SettingSource.SETTINGS


class DownloadService(CollectionService, Protocol):
    """A queue of downloads that somebody else works off.

    Ids may be any unique prefix; `ids=None` means every download that admits the action. Unknown or
    ambiguous ids raise before anything has changed.
    """

    async def add(self, requests: Sequence[DownloadRequest]) -> list[DownloadRecord]:
        """Queue downloads and return them once they are on disk.

        The same URL to the same directory (and name, if given), unfinished, is one download: asking
        again continues it, so the answer may hold a download that was already there. Raises
        UsageError and DestinationError before anything is queued.
        """
        ...

    async def add_many(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> AddedPortion:
        """Queue downloads as `add` does, very many of them, which come in portions.

        With `more` another one follows, and only the answer to the last, which may be empty, tells
        that all of them are on disk. Raises as `add` does, and nothing of this portion is queued.
        """
        ...

    async def add_new(
        self, requests: Sequence[DownloadRequest], *, more: bool = False
    ) -> list[str]:
        """Queue what is not in the list yet, finished or not, and return the ids of that.

        For very many, which come in portions: with `more` another one follows, and only the answer
        to the last, which may be empty, tells that all of them are on disk; what is cut off before
        is there in whole portions. Raises as `add` does, and nothing of this portion is queued.
        """
        ...

    async def downloads(self) -> Sequence[DownloadView]:
        """Return everything in the list, in the order of the queue.

        How far each is may be told as it is when it is looked at: of a long list that is later.
        """
        ...

    async def find(self, download_id: str) -> DownloadView:
        """Return one download; raises UnknownIdError or AmbiguousIdError."""
        ...

    async def inspect(self, download_id: str) -> Inspection:
        """Look at one download closely, as often as once a second: what it does, what slows it.

        What it says of the time that went by is of the last seconds where somebody looks again, and
        of the whole attempt at the first look. Raises UnknownIdError or AmbiguousIdError.
        """
        ...

    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        """Stop downloads and keep what they have, as far as their servers can continue a file."""
        ...

    async def resume(self, ids: Sequence[str] | None) -> Outcome:
        """Let paused, failed or cancelled downloads go on; `None` means the paused ones."""
        ...

    async def retry(self, ids: Sequence[str] | None) -> Outcome:
        """Try failed or cancelled downloads again now; `None` means the failed ones."""
        ...

    async def start_fresh(self, ids: Sequence[str]) -> Outcome:
        """Have unfinished downloads begin anew: what they have is forgotten."""
        ...

    async def hold(self, paused: bool) -> None:
        """Stop the queue as a whole, or let it go on; the downloads keep their own states.

        What runs waits again, queued, and nothing starts meanwhile; only a foreground command that
        does its own downloads (`embedded`) goes on with them. It outlives the service.
        """
        ...

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        """Give downloads up; their record and their part files stay."""
        ...

    async def remove(
        self, ids: Sequence[str] | None, *, files: bool = False, dry_run: bool = False
    ) -> Removal:
        """Take downloads off the list; with `files`, delete their data too.

        Only what is as winch left it is deleted; the others are named, also those that cannot be,
        and what comes after them is done. With `dry_run` nothing changes, and what would go and
        stay is told by the same rules.
        """
        ...

    async def restore(self, ids: Sequence[str]) -> Outcome:
        """Bring removed downloads back to where they were in the list, with what they had.

        Those that ran wait for their turn; the others are as they were. The last `MOST_REMOVED` are
        remembered while the service lives; another refuses, and one whose files were deleted.
        """
        ...

    async def move(self, ids: Sequence[str], to: MoveTo | int) -> Outcome:
        """Move downloads within the queue, keeping their order; a number is a position from 1."""
        ...

    async def start_now(self, ids: Sequence[str]) -> Outcome:
        """Start downloads at once, before all others and whatever limit they wait for.

        Those that were paused, failed or given up go on too. Where more would run than may be
        active, the last of the running ones make room and wait again, but for those that would lose
        what they have: these run on. Raises NotAllowedError while the queue is held, before
        anything has changed.
        """
        ...

    async def expedite(self, ids: Sequence[str]) -> None:
        """Let downloads run that somebody waits for: beside those of the queue, and at once.

        As many of one call as may be active run together, and nobody stops for them. A held queue
        and the limits of hosts hold for them too. It is forgotten when the service ends, or when a
        person stops them. Raises UnknownIdError, AmbiguousIdError.
        """
        ...

    async def set(self, ids: Sequence[str], changes: Changes) -> Outcome:
        """Change what was asked for of downloads; it holds at once, also for those that run.

        Raises UsageError for a value that cannot be meant, before anything has changed.
        """
        ...

    async def replace_url(self, download_id: str, url: str) -> Outcome:
        """Have an unfinished download fetched from another URL, and keep its bytes.

        They are kept if the length is the same and the bytes before the resume point and where two
        stretches meet are: what the old address said of the version counts no more. Headers and
        cookies go along within the same origin only. What runs is restarted, what failed is tried
        again, what is paused or cancelled stays so; a completed one refuses. Raises UsageError,
        UnknownIdError.
        """
        ...

    async def verify(self, ids: Sequence[str]) -> Outcome:
        """Read finished files again and return once all were compared, beside everything else.

        With the checksum that was given, else with the length only, and the verdict tells the
        SHA-256. The verdict becomes the `resume_verdict`; a file that is damaged or missing is
        among those that refuse, and its download has the error. Meanwhile `Progress.verified`
        tells how far it is.
        """
        ...

    async def limit(self, changes: LimitChanges) -> Limits:
        """Change the limits of all downloads together and return those in force.

        They hold at once and outlive the service; without a change this only tells. Raises
        UsageError for a value that cannot be meant.
        """
        ...

    async def settings_in_force(self) -> list[SettingInForce]:
        """Return the settings that the service obeys now, whatever config.toml says by now.

        Its environment counts, not that of whoever asks. What each command reads for itself (the
        screen's, the directory) is not among them.
        """
        ...

    async def reload(self) -> list[str]:
        """Read config.toml again and let it hold, also for what runs.

        Returns the settings (`network.read_timeout`) that differ from those in force and hold only
        when the service is started again. What a person changed with `limit` goes on before the
        settings. Raises ConfigError; then nothing has changed.
        """
        ...

    async def status(self) -> ServiceStatus:
        """Return the state of the service as a whole."""
        ...

    async def figures(self) -> Figures:
        """Return what the service measures of itself."""
        ...

    async def changes_since(self, life: str, revision: int) -> ChangesSince:
        """Return what has changed since a revision of that life of the service.

        For a follower that comes back: whoever has subscribed before asking misses nothing. What
        has changed more than once is named once.
        """
        ...

    async def history(self, query: HistoryQuery) -> History:
        """Return attempts that were made, the newest first.

        Raises UsageError for a time without its offset from UTC.
        """
        ...

    async def clear_history(self) -> int:
        """Forget every attempt, archives included, and return how many there were."""
        ...

    async def statistics(self, days: int) -> Statistics:
        """Return the figures of the last days; raises UsageError for less than one."""
        ...

    async def clean(self, *, dry_run: bool, only: Sequence[str] | None = None) -> Cleanup:
        """Remove what nothing needs any more, or with `dry_run` only say what that would be.

        `only` are the paths that somebody has agreed to; others stay and are not told of.
        Nothing is removed after a start that could not read the whole list.
        """
        ...

    async def checkup(self) -> Checkup:
        """Tell how the last start went and what lies around."""
        ...

    async def tail_log(self, lines: int) -> list[str]:
        """Return the last lines of the log, without secrets, at most 2,000.

        Raises UsageError for less than one, StateError where the log cannot be read.
        """
        ...

    async def machine(self) -> Machine:
        """Return what a front end on another machine has to know of this one."""
        ...

    async def browse(self, path: str, prefix: str = "") -> DirectoryView:
        """Look at a directory of the service's machine, for somebody who is about to choose one.

        `path` may begin with `~/`; what is relative begins at `Machine.directory`. Only names that
        begin with `prefix` are told, hidden ones only if it does with a dot. What is wrong with the
        directory is part of the answer, also that its disk does not answer.
        """
        ...

    async def make_directories(self, root: str, directories: Sequence[str]) -> dict[str, ErrorInfo]:
        """Make directories below a destination that is there, and return what is wrong with which.

        For a list whose lines say where they go; no link is followed. Raises UsageError for what
        does not lie below it, and DestinationError where no files can be made in it.
        """
        ...

    async def shutdown(self) -> None:
        """Stop the service cleanly; unfinished downloads go on when it is started again."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Follow what happens: a Snapshot first, then events in the order of their revisions.

        The iterator ends when the service does.
        """
        ...
