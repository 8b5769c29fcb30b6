"""Attempts as they stand in the history, by hand and by Hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from core.domain.errors import ErrorCode
from core.domain.history import AttemptEnd, HistoryEntry, PhaseTimes
from core.domain.value import replace

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def an_attempt(number: int = 1, **changes: Any) -> HistoryEntry:
    """Return an attempt that brought 1000 bytes within the second before NOON."""
    ended_at = changes.get("ended_at", NOON)
    entry = HistoryEntry(
        number=number,
        download=f"{number:016x}",
        url=f"https://example.org/{number}.bin",
        host="example.org",
        name=f"{number}.bin",
        directory="/data",
        group=None,
        started_at=ended_at - timedelta(seconds=1),
        ended_at=ended_at,
        end=AttemptEnd.COMPLETED,
        bytes=1000,
        total_bytes=1000,
        phases=PhaseTimes(connecting=0.25, downloading=0.5, finalizing=0.25),
        average_rate=2000.0,
        peak_rate=3000.0,
    )
    return replace(entry, **changes)


def a_failure(number: int = 1, **changes: Any) -> HistoryEntry:
    """Return an attempt that found nothing at its address."""
    failure = {
        "end": AttemptEnd.FAILED,
        "bytes": 0,
        "average_rate": None,
        "peak_rate": None,
        "error_code": ErrorCode.NOT_FOUND,
        "error_message": "nothing is here (404)",
    }
    return an_attempt(number, **(failure | changes))


@st.composite
def _attempts(draw: st.DrawFn, number: int) -> HistoryEntry:
    end = draw(st.sampled_from(AttemptEnd))
    count = draw(st.integers(0, 10**12))
    seconds = draw(st.floats(0.25, 1e5))
    average = count / seconds if count else None
    failed = end in (AttemptEnd.FAILED, AttemptEnd.RETRIED)
    return an_attempt(
        number,
        ended_at=NOON + timedelta(minutes=draw(st.integers(-30 * 24 * 60, 40 * 24 * 60))),
        end=end,
        host=draw(st.sampled_from(["a.example", "b.example", "c.example"])),
        bytes=count,
        phases=PhaseTimes(connecting=draw(st.floats(0, 1e5)), downloading=seconds),
        average_rate=average,
        peak_rate=None if average is None else average * draw(st.floats(1, 10)),
        error_code=draw(st.sampled_from(ErrorCode)) if failed else None,
    )


histories: st.SearchStrategy[list[HistoryEntry]] = st.integers(0, 8).flatmap(
    lambda count: st.tuples(*(_attempts(number) for number in range(1, count + 1))).map(list)
)
"""Attempts of some weeks around NOON, from the oldest number to the newest, on a clock that jumps.

Their rates agree with their bytes.
"""
