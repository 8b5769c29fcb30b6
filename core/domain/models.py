"""The nouns: a download, what was asked for, what the server holds and how far it got.

All are frozen: a state is replaced, never edited, so that a value which was stored, sent or shown
cannot change behind anybody's back. Sizes are bytes, rates bytes per second, durations seconds,
offsets half-open.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

from core.domain.bounds import cut
from core.domain.errors import ErrorInfo, UsageError
from core.domain.history import AttemptFigures
from core.domain.origins import Origin
from core.domain.value import Value, field, force_setattr, replace


class Status(StrEnum):
    """Where a download stands for the person who asked for it."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen unless a person asks for it."""
        return self not in (Status.PENDING, Status.ACTIVE)


class Phase(StrEnum):
    CONNECTING = "connecting"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    FINALIZING = "finalizing"

    @classmethod
    def _missing_(cls, value: object) -> Phase | None:
        # One that only a newer winch has.
        return cls.DOWNLOADING if isinstance(value, str) else None


class WaitReason(StrEnum):
    """Why a pending download does not move."""

    QUEUED = "queued"
    RETRY = "retry"
    HOST_LIMIT = "host_limit"
    NOT_ADMITTED = "held"
    """It waits for the next daemon: an embedded engine runs only what is admitted to it."""
    NO_NETWORK = "no_network"
    DISK_LOW = "disk_low"
    IN_USE = "in_use"
    """Another winch, with another state directory, writes the same part file."""

    @classmethod
    def _missing_(cls, value: object) -> WaitReason | None:
        # One that only a newer winch has.
        return cls.QUEUED if isinstance(value, str) else None


class Conflict(StrEnum):
    """What to do where a file of the wanted name exists."""

    RENAME = "rename"
    SKIP = "skip"
    OVERWRITE = "overwrite"
    FAIL = "fail"


STUCK = frozenset({WaitReason.NO_NETWORK, WaitReason.DISK_LOW, WaitReason.IN_USE})
"""Reasons that somebody may have to do something about."""

TELLING = STUCK | {WaitReason.RETRY}
"""Reasons that tell of something wrong, unlike a turn that has not come."""

_NO_HEADERS: Mapping[str, str] = {}
_DIGEST_LENGTHS = {
    "md5": 32,
    "sha1": 40,
    "sha224": 56,
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "blake2b": 128,
}


class Checksum(Value, frozen=True, gc=False):
    """A digest that the whole file must have."""

    algorithm: str
    hexdigest: str

    @classmethod
    def parse(cls, text: str) -> Checksum:
        """Read `ALGORITHM:HEX`; raises UsageError when the name or the length cannot be right."""
        algorithm, _, digest = text.strip().partition(":")
        algorithm = algorithm.lower().replace("-", "")
        digest = digest.strip().lower()
        length = _DIGEST_LENGTHS.get(algorithm)
        if length is None:
            known = ", ".join(sorted(_DIGEST_LENGTHS))
            raise UsageError(
                f"'{cut(text, 80)}' names no known checksum algorithm",
                hint=f"write ALGORITHM:HEX with one of {known}",
            )
        if len(digest) != length or not re.fullmatch(r"[0-9a-f]+", digest):
            raise UsageError(
                f"a {algorithm} checksum has {length} hexadecimal digits, this one has"
                f" {len(digest)} characters",
                hint="copy the whole digest",
            )
        return cls(algorithm, digest)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hexdigest}"


class DownloadRequest(Value, frozen=True, kw_only=True, gc=False):
    """What a person asked for.

    `directory` is absolute. `name` None lets the server and the URL decide. `retries`,
    `connections` and `conflict` None take the setting; `limit` is bytes/s, None for none, and
    0 lifts the one that an unfinished download of the same file has. `headers` go to the URL's own
    origin only, `mirrors` included. `cookies` is the absolute path of a cookies.txt, whose cookies
    go where their domain, path and `secure` say. Without `restart` it fails rather than begin
    anew. `wait_for_host` goes on trying where no host has the URL's name. `origin` is None of what
    a person named by its URL alone.
    """

    url: str
    directory: str
    name: str | None = None
    checksum: Checksum | None = None
    conflict: Conflict | None = None
    retries: int | None = None
    connections: int | None = None
    limit: int | None = None
    mirrors: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: str | None = None
    priority: int = 0
    group: str | None = None
    paused: bool = False
    restart: bool = True
    wait_for_host: bool = False
    origin: Origin | None = None

    def __post_init__(self) -> None:
        """Hold once what very many requests have in common."""
        force_setattr(self, "directory", sys.intern(self.directory))
        if not self.headers:
            force_setattr(self, "headers", _NO_HEADERS)


class Validator(Value, frozen=True, kw_only=True, gc=False):
    """What tells one version of a resource from another (RFC 9110 section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None
    date: str | None = None


class Resource(Value, frozen=True, kw_only=True, gc=False):
    """What the server said it holds, taken from one answer.

    `total` is None where the server does not say; `ranges` tells whether it has answered with one;
    `digest` is what it announces the whole file to have; `coding` how its bytes are coded, though
    the plain ones were asked for: such as "gzip", or "gzip, br" in that order.
    """

    url: str
    total: int | None
    validator: Validator
    ranges: bool
    disposition: str | None = None
    coding: str | None = None
    media_type: str | None = None
    digest: Checksum | None = None


class Segment(Value, frozen=True, gc=False):
    """A stretch of the file, `start` inclusive, `end` exclusive; `end` None runs to the unknown."""

    start: int
    end: int | None


class PartIdentity(Value, frozen=True, kw_only=True, gc=False):
    """Which file on disk a record speaks of, so that a replaced part file is noticed."""

    device: int
    inode: int


class FileStamp(Value, frozen=True, kw_only=True, gc=False):
    """Whose a file is, and when it was last changed, in microseconds since the epoch."""

    uid: int
    modified: int | None = None


class PendingCommit(Value, frozen=True, kw_only=True, gc=False):
    """A small file that is being given its final name.

    Stored before the name is linked and removed once the download is told to be whole: whoever
    finds one at a start knows that `part`, of `total` bytes, is that file, if `name` is its own and
    its `stamp` as well: the number of a file that never got its name is soon another one's.
    Without a stamp it is a part file that may not be written yet, where there are no files without
    a name.
    """

    name: str
    part: PartIdentity
    total: int
    stamp: FileStamp | None = None


class TimelineEntry(Value, frozen=True, kw_only=True, gc=False):
    """One thing that happened to a download, in a sentence.

    `before` and `after` are the states of a transition: `before` None where it entered the list.
    Both are None of what changed no state, and of what a winch before 0.2 wrote down.
    """

    at: datetime
    text: str
    before: Status | None = None
    after: Status | None = None


class ResumeRecord(Value, frozen=True, kw_only=True, gc=False):
    """What is proved to be on disk of an unfinished download, and all it takes to go on with it.

    `done` are disjoint, sorted stretches whose bytes were synced before this record was written.
    `attempt` is what was measured of the attempt that wrote it, so that a kill does not take that
    along. `request`, `timeline` (its end) and `saved_at` are there so that a lost list can be
    rebuilt; they are None and empty in records of schema 1.
    """

    id: str
    name: str
    resource: Resource
    part: PartIdentity
    done: tuple[Segment, ...]
    attempt: AttemptFigures | None = None
    request: DownloadRequest | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    created_at: datetime | None = None
    saved_at: datetime | None = None
    version: int = 2

    @property
    def bytes_done(self) -> int:
        """How many bytes it claims."""
        return sum((segment.end or segment.start) - segment.start for segment in self.done)


class Progress(Value, frozen=True, kw_only=True, gc=False):
    """How far a download is right now; never written to downloads.json.

    `rate` and `eta` are None where nothing can be said honestly; `verified` are the bytes that were
    hashed so far, None outside of the phase that waits for it; `updated_at` is when the last bytes
    came, None before the first.
    """

    bytes_downloaded: int = 0
    rate: float | None = None
    eta: float | None = None
    connections: int = 0
    verified: int | None = None
    updated_at: datetime | None = None


class Interruption(Value, frozen=True, kw_only=True, gc=False):
    """That a download was under way when winch ended: when it last moved, and what it did then.

    `anew` tells that it has to begin anew, because its server cannot continue a file.
    """

    at: datetime
    phase: Phase | None = None
    anew: bool = False


class Fetched(Value, frozen=True, kw_only=True, gc=False):
    """What the attempt that made a file whole brought: bytes, seconds in all, and bytes/s.

    The rate is that of the history, None where nothing came.
    """

    bytes: int
    seconds: float
    rate: float | None = None


class Download(Value, frozen=True, kw_only=True, gc=False):
    """One file on its way, as it stands.

    `order` sorts the queue (small first within a priority) and is sparse, so that a move rewrites
    one record. `failing_since` is when the first of its failures was that no byte has come since.
    `interrupted` is set from a start that found it unfinished until it goes on, or somebody decides
    otherwise. `name` is a guess from the URL until `name_settled`; from then on `part` tells which
    file on disk is its own, whatever else has its name, and `left` how winch left it, so that what
    somebody changed since is not deleted; its time counts once it is whole. `awaited` is a part
    file that another winch was seen to write in its place. `fetched` is None where no attempt
    made it whole, or a winch before 0.2 did. `updated_at` is the last change of its
    state, phase or reason to wait, `last_retry_at` when it was last tried again by itself; None in
    what a winch before 0.2 wrote down.
    """

    id: str
    request: DownloadRequest
    name: str
    order: float
    created_at: datetime
    status: Status = Status.PENDING
    phase: Phase | None = None
    wait_reason: WaitReason | None = None
    retry_at: datetime | None = None
    last_retry_at: datetime | None = None
    retry_count: int = 0
    failing_since: datetime | None = None
    name_settled: bool = False
    part: PartIdentity | None = None
    awaited: PartIdentity | None = None
    left: FileStamp | None = None
    total_bytes: int | None = None
    error: ErrorInfo | None = None
    resume_verdict: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    fetched: Fetched | None = None
    interrupted: Interruption | None = None
    asked_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def path(self) -> str:
        """Where the file is, or will be, under its final name."""
        return f"{self.request.directory.rstrip('/')}/{self.name}"

    @property
    def part_path(self) -> str:
        """Where its bytes are until it is whole."""
        return f"{self.path}.part"

    @property
    def expected_bytes(self) -> int | None:
        """How long it is, or what its source says as long as no server was asked."""
        if self.total_bytes is None and (origin := self.request.origin) is not None:
            return origin.size
        return self.total_bytes

    @property
    def sort_key(self) -> tuple[int, float]:
        """Higher priority first, then the queue's order."""
        return (-self.request.priority, self.order)

    def replace(self, **changes: object) -> Self:
        """Return it with other values in these fields; raises TypeError for one that it has not."""
        return replace(self, **changes)


class DownloadRecord(Download, frozen=True, kw_only=True, gc=False):
    """A download with its past: what is stored, and what a service answers with.

    Its events do without: whoever follows a long list would hold little but the past. `digest` is
    what the whole file was computed to have, `validator` what its server said of the version; both
    are kept of members of collections, which are compared with their source again. `paused_with` is
    the collection that it was paused with, and is resumed with; None where a person paused it.
    """

    timeline: tuple[TimelineEntry, ...] = ()
    digest: Checksum | None = None
    validator: Validator | None = None
    paused_with: str | None = None


class DownloadView(Value, frozen=True, kw_only=True, gc=False):
    """A download together with its progress and its place in the queue (1 is first)."""

    download: DownloadRecord
    progress: Progress
    position: int
