"""Collections: many files that are one thing, with a name, a source and a verdict of their own.

A collection is a record of the list; its members are the downloads whose `request.group` is its
name. So all that holds for downloads holds for members as it is, and what holds for the whole is
counted from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from core.domain.entries import Refused, SourceSpec
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Download, DownloadRequest, Status
from core.domain.totals import Totals
from core.domain.value import Value, field, field_names

MOST_REFUSED = 1000
"""Refused entries of a source that are remembered, the first ones; the others are counted."""
MOST_VANISHED = 1000
"""Members that vanished from the source, the first ones by name; the others are counted."""
MOST_PLANNED = 1000
"""Paths in each list of what a sync found, the first ones; the others are counted."""


class Verdict(StrEnum):
    """What is to be said of one file of a collection."""

    WHOLE = "whole"
    BAD = "bad"
    """Its bytes are not those that it must have."""
    MISSING = "missing"
    """It is not there, and nothing more happens by itself."""
    PENDING = "pending"


_BAD = frozenset({ErrorCode.CHECKSUM, ErrorCode.FILE_CHANGED, ErrorCode.PROTOCOL})


def verdict_of(download: Download) -> Verdict:
    """Return what is to be said of a member as it stands.

    A completed one is whole until a verification has found otherwise: then it has an error.
    """
    status, error = download.status, download.error
    if not status.is_settled or status is Status.PAUSED:
        return Verdict.PENDING
    if error is None:
        return Verdict.WHOLE if status is Status.COMPLETED else Verdict.MISSING
    return Verdict.BAD if error.code in _BAD else Verdict.MISSING


class CollectionState(StrEnum):
    READING = "reading"
    """Its source is being read: there may be more members than are known by now."""
    READY = "ready"
    PUBLISHING = "publishing"
    """All of it is proved, and it is about to get its name; a crash in between ends whole."""
    PUBLISHED = "published"
    """It was fetched to be whole or not there, and is there."""


class Collection(Value, frozen=True, kw_only=True, gc=False):
    """What is so of a collection as a whole; `request` is what each member is asked for with.

    Of that request the URL is empty, the directory is that of the collection and the group its
    name. `source` is None where the members were named one by one. With `together`, members gather
    in `staging` and get their final names only when all of them are proved. `limit` is bytes/s of
    all members together; while `paused`, members that join are paused too. `entries` are those
    that the source named at the last reading, `refused_count` those of them that cannot be fetched
    and `vanished_count` the members that it named no longer. `read_at` is the end of the last
    reading that came to one, `read_error` why the last one did not. `publish_error` is why what is
    whole could not get its final names.
    """

    name: str
    request: DownloadRequest
    created_at: datetime
    source: SourceSpec | None = None
    together: bool = False
    staging: str | None = None
    state: CollectionState = CollectionState.READY
    paused: bool = False
    priority: int = 0
    limit: int | None = None
    entries: int = 0
    refused_count: int = 0
    vanished_count: int = 0
    read_at: datetime | None = None
    read_error: ErrorInfo | None = None
    publish_error: ErrorInfo | None = None

    @property
    def directory(self) -> str:
        """Where its files are, or will be once it is published."""
        return self.request.directory

    @property
    def trouble(self) -> ErrorInfo | None:
        """What is wrong with it as a whole: its source, or its names."""
        return self.read_error or self.publish_error

    @property
    def is_hidden(self) -> bool:
        """Whether files of it gather out of sight, until all of them are proved."""
        return self.staging is not None

    def final(self, directory: str) -> str:
        """Return where what lies in a directory of it has its final name, or will have it."""
        root = f"{self.staging}/"
        if self.staging is None or not f"{directory}/".startswith(root):
            return directory
        return f"{self.directory.rstrip('/')}{directory[len(root) - 1 :]}" or "/"

    def path_of(self, member: Download) -> str:
        """Return where a member lies below the destination, or will once it is published."""
        return self.path_below(member.path)

    def path_below(self, path: str) -> str:
        """Return a path as it is below the destination, wherever members gather by now."""
        for root in (self.staging, self.directory):
            if root is not None and path.startswith(root.rstrip("/") + "/"):
                return path[len(root.rstrip("/")) + 1 :]
        return path


class CollectionRecord(Collection, frozen=True, kw_only=True, gc=False):
    """A collection with what its source said that came to no member: what is stored.

    `refused` are the first entries that cannot be fetched, `vanished` the first paths that the
    source names no longer. `is_directory_own` tells that its directory was not there before.
    """

    refused: tuple[Refused, ...] = ()
    vanished: tuple[str, ...] = ()
    is_directory_own: bool = False

    @property
    def summary(self) -> Collection:
        """What is told of it with every change, which its lists are too long for."""
        return Collection(**{name: getattr(self, name) for name in field_names(Collection)})


class Cause(Value, frozen=True, kw_only=True):
    """Why files of a collection are bad or missing: a code, its sentence, and how many.

    Where not all of them have the same sentence it is that of the first, as one such.
    """

    code: str
    message: str
    count: int


class CollectionView(Value, frozen=True, kw_only=True):
    """A collection with the sums of its members.

    `verdicts` has a number for each `Verdict`. `causes` are sorted by how many files they have, the
    most frequent first; refused entries are among them.
    """

    collection: CollectionRecord
    verdicts: Mapping[str, int]
    totals: Totals
    causes: tuple[Cause, ...] = ()

    @property
    def verdict(self) -> str:
        """The verdict on the whole, in words: `whole`, what it lacks, or `empty`."""
        lacks = [
            f"{count:,} {verdict}"
            for verdict in (Verdict.BAD, Verdict.MISSING, Verdict.PENDING)
            if (count := self.lacking(verdict))
        ]
        if self.collection.read_error is not None:
            lacks.append("its source could not be read")
        elif self.collection.state is CollectionState.READING:
            lacks.append("its source is being read")
        elif self.collection.publish_error is not None:
            lacks.append("its files could not get their names")
        elif self.collection.state is CollectionState.PUBLISHING:
            lacks.append("about to get its name")
        elif not lacks and self.collection.is_hidden:
            lacks.append("not under its name yet")
        elif not lacks and not self.verdicts.get(Verdict.WHOLE, 0):
            lacks.append("empty")
        return ", ".join(lacks) or Verdict.WHOLE

    @property
    def is_whole(self) -> bool:
        """Whether every file that the source named is there and proved, under its final name."""
        return self.verdict == Verdict.WHOLE

    def lacking(self, verdict: Verdict) -> int:
        """Return how many files have a verdict, with refused entries among the missing."""
        refused = self.collection.refused_count if verdict == Verdict.MISSING else 0
        return self.verdicts.get(verdict, 0) + refused


class CollectionRequest(Value, frozen=True, kw_only=True, gc=False):
    """What a person asks a collection for; the fields are those of a `Collection`.

    `request.priority` and `request.paused` are the collection's own.
    """

    name: str
    request: DownloadRequest
    source: SourceSpec | None = None
    together: bool = False
    limit: int | None = None


class CollectionChanges(Value, frozen=True, kw_only=True):
    """What to change of a collection. None leaves a field as it is, a `limit` of 0 takes it away.

    A priority and a pause hold for its members, too: for those that there are and those that join.
    """

    priority: int | None = None
    limit: int | None = None
    paused: bool | None = None


class ReportRow(Value, frozen=True, kw_only=True):
    """What there is to say of one file of a collection.

    `path` is below the destination. `url` has no secrets, and is None of an entry that could become
    no download. `digest` is what the whole file was computed to have, or else what it must have.
    `cause` is the code and `message` the sentence of what is wrong. `attempts` is how often its
    bytes were asked for, `seconds` what the attempt took that made it whole.
    """

    path: str
    url: str | None
    bytes: int | None
    digest: str | None
    verdict: Verdict
    cause: str | None = None
    message: str | None = None
    attempts: int = 0
    seconds: float | None = None
    id: str | None = None


class ReportPage(Value, frozen=True, kw_only=True):
    """A part of a report, in the order of the paths; `next` asks for what follows, None at the end.

    `is_whole` tells of the whole collection, not of this part.
    """

    rows: Sequence[ReportRow]
    next: str | None = None
    is_whole: bool = False


class SyncOptions(Value, frozen=True, kw_only=True):
    """How to read a source again: with `delete_extra`, files that it names no longer are deleted.

    With `dry_run` nothing changes, and what would is told.
    """

    delete_extra: bool = False
    dry_run: bool = False


class SyncPlan(Value, frozen=True, kw_only=True):
    """What reading a source again came to; each list has the first paths, `counts` tells of all.

    `changed` are other files by now by what the source says, `damaged` differ on disk from what
    winch left there, `vanished` are named no longer, and of those `deleted` are deleted, or would
    be with a dry run; those that failed and have no file leave the collection. `refused` are
    entries that cannot be fetched, files of which nobody could say whether they changed, and those
    that could not be replaced or deleted. `unchanged` are also those that failed before and are
    named as before; `counts` has a number for each list by its name, and of the unchanged those
    that are not whole as `failed`. `withheld` says why nothing was deleted although something
    vanished. `requests` is how many were sent to servers to find all this out.
    """

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    unchanged: int = 0
    requests: int = 0
    withheld: str = ""
