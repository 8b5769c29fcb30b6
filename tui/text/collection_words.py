"""What is so of a collection as a whole, in words: what it lacks, and what it does.

Pure; the row in the list and the page of its own share it.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.collections import Collection, CollectionState, Verdict
from core.domain.entries import SourceSpec
from core.domain.errors import ErrorCode
from core.domain.models import Status
from core.domain.redact import redact_url
from tui.text import fmt
from tui.text.cells import Role
from tui.text.vocabulary import COLLECTION_STATES, HIDDEN, STATES, UNNAMED, UNREADABLE, VERDICTS

_LACKING = (Verdict.BAD, Verdict.MISSING)


def files_of(collection: Collection, verdicts: Mapping[Verdict, int]) -> dict[Verdict, int]:
    """Return how many of its files there are of each verdict; what is refused is missing."""
    counts = {verdict: verdicts.get(verdict, 0) for verdict in Verdict}
    counts[Verdict.MISSING] += collection.refused_count
    return counts


def lacks(collection: Collection, verdicts: Mapping[Verdict, int]) -> list[str]:
    """Return what somebody has to do something about, the gravest first."""
    counts = files_of(collection, verdicts)
    words = [f"{counts[v]:,} {VERDICTS[v]}" for v in _LACKING if counts[v]]
    if collection.trouble is None:
        return words
    return [UNREADABLE if collection.read_error is not None else UNNAMED, *words]


def state_words(collection: Collection, verdicts: Mapping[Verdict, int]) -> list[str]:
    """Return what it lacks, does and waits for, the gravest first; never nothing."""
    words = lacks(collection, verdicts)
    pending = verdicts.get(Verdict.PENDING, 0)
    is_busy = collection.state in (CollectionState.READING, CollectionState.PUBLISHING)
    if collection.paused and (pending or is_busy):
        words.append(STATES[Status.PAUSED])
    if is_busy:
        words.append(COLLECTION_STATES[collection.state])
    if pending:
        words.append(f"{pending:,} {VERDICTS[Verdict.PENDING]}")
    return words or [HIDDEN if collection.is_hidden else _whole(collection, verdicts)]


def state_role(collection: Collection, verdicts: Mapping[Verdict, int], *, is_moving: bool) -> Role:
    """Return the role of these words, and of the sign before the name."""
    if lacks(collection, verdicts):
        return Role.FAILED
    if is_moving or collection.state in (CollectionState.READING, CollectionState.PUBLISHING):
        return Role.ACTIVE
    if verdicts.get(Verdict.PENDING, 0):
        return Role.MUTED
    return Role.WAITING if collection.is_hidden else Role.DONE


def source_words(source: SourceSpec | None) -> str:
    """Return where its files are named, cleaned and without secrets: `manifest https://…`."""
    if source is None:
        return "files that were named one by one"
    address = source.address
    if address == "-":
        return f"{fmt.clean(source.kind)} that was typed or piped in"
    return fmt.clean(f"{source.kind} {redact_url(address) if '://' in address else address}")


def cause_words(code: str, status: int | None = None) -> str:
    """Return a cause in a few words: `not found`, `http 503`."""
    if code == ErrorCode.HTTP_STATUS and status is not None:
        return f"http {status}"
    return fmt.clean(code.replace("_", " "))


def _whole(collection: Collection, verdicts: Mapping[Verdict, int]) -> str:
    if collection.state is CollectionState.PUBLISHED:
        return COLLECTION_STATES[CollectionState.PUBLISHED]
    return VERDICTS[Verdict.WHOLE] if verdicts.get(Verdict.WHOLE, 0) else "empty"
