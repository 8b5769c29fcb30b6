"""A close look at one download: its pieces, its connections, and why it is not faster.

For whoever looks at a single download for a while. Rates are bytes/s, durations seconds, fractions
lie between 0 and 1. Addresses and headers come without their secrets, but as a server sent them:
they are foreign text.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from core.domain.models import Segment, TimelineEntry
from core.domain.value import Value, field


class ConnectionState(StrEnum):
    CONNECTING = "connecting"
    """It has asked, and no answer was accepted yet."""
    RECEIVING = "receiving"
    """It waits for bytes, or takes them."""
    LIMITED = "limited"
    """It waits because of a limit that was set here."""
    WRITING = "writing"
    """It waits for the disk."""


class Connection(Value, frozen=True, kw_only=True):
    """One connection: whom it asks and which stretch it fetches, the next byte at `position`.

    `url` is the mirror's address as it was given, `peer` the IP address that answered. `rate` is
    None before the first bytes; `asked` is how many seconds ago the request was sent.
    """

    url: str
    start: int
    position: int
    end: int | None
    state: ConnectionState
    asked: float
    rate: float | None = None
    peer: str | None = None


class ResponseHead(Value, frozen=True, kw_only=True):
    """The head of an answer, redirects followed: at most 40 fields, in the order they came."""

    at: datetime
    url: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


class HostLimit(Value, frozen=True, kw_only=True):
    """How many connections a host gets at present, and how many of them this download.

    `refused` tells that the host wanted no more than so many; then there are fewer than
    `connections_per_host`, and one more in `more_in` seconds.
    """

    host: str
    connections: int
    share: int
    refused: bool = False
    more_in: float | None = None


class DownloadLimits(Value, frozen=True, kw_only=True):
    """The limits that hold for one download.

    `own` is its rate, `collection` that of its collection, whose members share it, and `total` that
    of all together, None for none; `connections` is what its
    request or the settings allow, whatever the hosts do.
    """

    own: int | None
    total: int | None
    connections: int
    hosts: tuple[HostLimit, ...] = ()
    collection: int | None = None


class Cause(StrEnum):
    """What holds a download up."""

    SERVER = "server"
    """What the server gives: to each connection, or in all."""
    OWN_LIMIT = "own_limit"
    COLLECTION_LIMIT = "collection_limit"
    TOTAL_LIMIT = "total_limit"
    HOST_BUDGET = "host_budget"
    NETWORK = "network"
    DISK = "disk"
    CPU = "cpu"
    CONNECTING = "connecting"
    VERIFYING = "verifying"
    RETRY = "retry"
    HELD = "held"
    """The queue as a whole stands still."""
    WAITING = "waiting"
    """It waits for its turn, the network, room, or another winch."""


class Figures(Value, frozen=True, kw_only=True):
    """What was measured over the last seconds; None where nothing was.

    `connecting`, `receiving`, `limited` and `writing` are the fractions of their time that the
    connections spent in these states, `cpu` is how busy the core is that moves all bytes. `total`
    is the rate of all downloads, `others` how many more of them run.
    """

    rate: float | None = None
    connections: int = 0
    allowed: int = 0
    connecting: float | None = None
    receiving: float | None = None
    limited: float | None = None
    writing: float | None = None
    cpu: float | None = None
    total: float | None = None
    others: int = 0


class Slowness(Value, frozen=True, kw_only=True):
    """Why a download is not faster: the one constraint that binds, in a sentence, with figures."""

    cause: Cause
    sentence: str
    figures: Figures = field(default_factory=Figures)


class Inspection(Value, frozen=True, kw_only=True):
    """One download looked at closely.

    `done` is what is on disk and `claimed` what is being fetched, from the next byte on; what is in
    neither, nobody fetches yet. `answer` is the last one that a server gave, None where nobody
    remembers it. `slowness` is None where nothing holds the download up. `timeline` is what has
    happened to it, the latest last.
    """

    id: str
    limits: DownloadLimits
    total: int | None = None
    done: tuple[Segment, ...] = ()
    claimed: tuple[Segment, ...] = ()
    connections: tuple[Connection, ...] = ()
    answer: ResponseHead | None = None
    slowness: Slowness | None = None
    timeline: tuple[TimelineEntry, ...] = ()
