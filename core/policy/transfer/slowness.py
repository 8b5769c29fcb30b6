"""Why a download is not faster: the one constraint that binds, from what was measured.

Something always binds. What was set here is looked at first, then this machine, and only what is
left over is the server or the way to it: the time that the connections wait for bytes.
"""

from __future__ import annotations

import math
from datetime import datetime

from core.domain.inspection import Cause, Figures, Slowness
from core.domain.models import Download, Phase, Status, WaitReason
from core.domain.units import rough_duration, rough_size
from core.domain.value import Value

AT_THE_LIMIT = 0.9
"""Fraction of a limit from which on it is what binds."""
MOST = 0.5
"""Fraction of the connections' time that tells where it goes."""
SPARE = 0.2
"""Fraction of that time spent on waiting for bytes from which on a limit leaves some unused."""
BUSY = 0.9
"""Fraction of a core from which on the program itself binds."""
CEILING = 0.85
"""Fraction of the best total rate from which on the line is full."""
LESS = 0.7
"""Fraction of its own best rate below which others have what a download had."""
HALF_LIFE = 600.0
"""Seconds after which a best rate counts half: the line may be another one by then."""


class BestRate:
    """The best rate that was reached lately; `now` is monotonic seconds, given by the caller."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._at = 0.0

    def note(self, rate: float, now: float) -> None:
        """Take in a rate in bytes/s."""
        if rate >= self.rate(now):
            self._rate, self._at = rate, now

    def rate(self, now: float) -> float:
        """Return the best one in bytes/s."""
        return self._rate * math.exp2(-max(0.0, now - self._at) / HALF_LIFE)


class Situation(Value, frozen=True, kw_only=True):
    """What is known of a download that runs.

    `own_limit` and `total_limit` are bytes/s, as is `collection_limit`, which the members of its
    `collection` share, `bringing` is how many of its connections bring bytes
    (None: all), `wanted` how many it may have as far as its request and the settings go, `share` as
    far as the hosts' budgets go. `refused` tells that a host wants no more, `single` that the file
    comes over one connection only, `mixed` in what answers contradicted each other, `enough` how
    many were found to bring as much as more. `best` and `best_total` are the best rates lately,
    `elsewhere` is how many of the others use other hosts.
    """

    figures: Figures
    phase: Phase | None
    host: str
    own_limit: float | None = None
    collection: str = ""
    collection_limit: float | None = None
    total_limit: float | None = None
    bringing: int | None = None
    wanted: int = 1
    share: int = 1
    refused: bool = False
    single: bool = False
    mixed: str | None = None
    enough: int | None = None
    best: float = 0.0
    best_total: float = 0.0
    elsewhere: int = 0


def explain(situation: Situation) -> Slowness:
    """Return what binds a download that runs."""
    cause, sentence = (
        _by_phase(situation)
        or _by_limit(situation)
        or _by_machine(situation)
        or _by_server(situation)
    )
    return Slowness(cause=cause, sentence=sentence, figures=situation.figures)


def explain_waiting(download: Download, *, held: bool, now: datetime) -> Slowness | None:
    """Return why a download does not run; None where nobody wants it to.

    `held` tells whether the queue as a whole stands still, `now` is the wall time.
    """
    if download.status is not Status.PENDING:
        return None
    message = download.error.message if download.error is not None else ""
    if held:
        return Slowness(cause=Cause.HELD, sentence="the queue is held")
    if download.wait_reason is WaitReason.RETRY and download.retry_at is not None:
        left = max(0.0, (download.retry_at - now).total_seconds())
        hint = download.error.hint if download.error is not None else ""
        after = f" after: {message}" + (f" ({hint})" if hint else "") if message else ""
        sentence = f"it is tried again in {rough_duration(left)}{after}"
        return Slowness(cause=Cause.RETRY, sentence=sentence)
    reason = download.wait_reason or WaitReason.QUEUED
    cause = Cause.HOST_BUDGET if reason is WaitReason.HOST_LIMIT else Cause.WAITING
    return Slowness(cause=cause, sentence=message or _WAITS[reason])


_WAITS = {
    WaitReason.QUEUED: "its turn has not come: others run before it",
    WaitReason.RETRY: "it is about to be tried again",
    WaitReason.HOST_LIMIT: "its host is used up by other downloads",
    WaitReason.NOT_ADMITTED: "this winch does not run it: it belongs to the next daemon",
    WaitReason.NO_NETWORK: "the network is down",
    WaitReason.DISK_LOW: "the disk is nearly full",
    WaitReason.IN_USE: "another winch writes its part file",
}


def _by_phase(situation: Situation) -> tuple[Cause, str] | None:
    match situation.phase:
        case Phase.DOWNLOADING:
            return None
        case Phase.VERIFYING:
            return Cause.VERIFYING, "all bytes are here; the whole file is being hashed"
        case Phase.FINALIZING:
            return Cause.DISK, "all bytes are here; the disk is making them durable"
        case _:
            return Cause.CONNECTING, f"{situation.host} has not answered yet"


def _by_limit(situation: Situation) -> tuple[Cause, str] | None:
    figures = situation.figures
    own, limit = situation.own_limit, situation.total_limit
    waits = (figures.limited or 0.0) >= MOST and (figures.receiving or 0.0) < SPARE
    shared = situation.collection_limit
    is_full = _is_at(figures.total, limit)
    if own is not None and (_is_at(figures.rate, own) or (waits and not is_full)):
        return Cause.OWN_LIMIT, f"its own limit of {_rate(own)} holds it up"
    if shared is not None and (_is_at(figures.rate, shared) or (waits and not is_full)):
        return Cause.COLLECTION_LIMIT, (
            f"the limit of its collection '{situation.collection}' is {_rate(shared)}"
        )
    # What others use up holds up only those that wait for it: a slow server does not care.
    if limit is not None and (waits or (is_full and not figures.others)):
        others = f", which {_others(figures.others)}" if figures.others else ""
        return Cause.TOTAL_LIMIT, f"the limit of all downloads is {_rate(limit)}{others}"
    return None


def _by_machine(situation: Situation) -> tuple[Cause, str] | None:
    figures = situation.figures
    if (figures.cpu or 0.0) >= BUSY:
        return Cause.CPU, f"winch itself is at its limit: it keeps a core {figures.cpu:.0%} busy"
    if (figures.writing or 0.0) >= MOST:
        return Cause.DISK, f"the disk takes {figures.writing:.0%} of the time to write"
    if (figures.connecting or 0.0) >= MOST:
        return Cause.CONNECTING, (
            f"{situation.host} takes {figures.connecting:.0%} of the time to answer"
        )
    return None


def _is_at(rate: float | None, limit: float | None) -> bool:
    return rate is not None and limit is not None and rate >= AT_THE_LIMIT * limit


def _by_server(situation: Situation) -> tuple[Cause, str]:
    figures, host = situation.figures, situation.host
    if not figures.rate:
        return Cause.SERVER, f"nothing comes from {host} at present"
    rate = figures.rate
    each = _each(rate, figures.connections, situation.bringing or figures.connections)
    count = _connections(figures.connections)
    if _shares_the_line(situation):
        full = _rate(figures.total or rate)
        return Cause.NETWORK, f"the line is full with {full}, which {_others(figures.others)}"
    if situation.mixed is not None:
        return Cause.SERVER, (
            f"different servers behind {host} answer with different files ({situation.mixed}): one"
            f" connection keeps to one of them, at {_rate(rate)}"
        )
    if situation.single:
        return Cause.SERVER, f"{host} sends {_rate(rate)} and allows one connection for this file"
    if situation.refused and situation.share < situation.wanted:
        return Cause.SERVER, (
            f"{host} refuses more than {_connections(situation.share)} at present and sends {each}"
        )
    if situation.enough is not None and figures.connections >= situation.enough:
        return Cause.SERVER, (
            f"{host}, or the way to it, gives no more than {_rate(rate)}:"
            f" more than {count} brought nothing"
        )
    if situation.share < situation.wanted and figures.connections >= situation.share:
        return Cause.HOST_BUDGET, (
            f"its share of the connections to {host} is {situation.share}, which brings {each}"
        )
    if figures.connections >= situation.wanted:
        return Cause.SERVER, (
            f"{host} sends {each}, and {count} {_is(figures.connections)} all that it may have"
        )
    return Cause.SERVER, f"{host} sends {_rate(rate)} over {count}"


def _shares_the_line(situation: Situation) -> bool:
    """Tell whether others on other hosts have what this one had, while the sum is what it was."""
    figures = situation.figures
    total, rate = figures.total or 0.0, figures.rate or 0.0
    full = total >= CEILING * situation.best_total
    return situation.elsewhere > 0 and full and rate < LESS * situation.best


def _each(rate: float, connections: int, bringing: int) -> str:
    average = _rate(rate / max(1, bringing))
    if bringing >= connections:
        return f"{average} on each connection"
    return f"{average} on {'each of ' * (bringing > 1)}{bringing} and nothing on the others"


def _connections(count: int) -> str:
    return f"{count} connection{'' if count == 1 else 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _others(count: int) -> str:
    return f"it shares with {count} other{'' if count == 1 else 's'}"


def _rate(rate: float) -> str:
    return f"{rough_size(rate)}/s"
