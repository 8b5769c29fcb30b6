"""What binds a download is named: one constraint, the one that really does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.inspection import Cause, Figures
from core.domain.models import Download, DownloadRequest, Phase, Status, WaitReason
from core.domain.value import replace
from core.policy.transfer.slowness import HALF_LIFE, BestRate, Situation, explain, explain_waiting
from core.policy.transfer.status_errors import status_error

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
MIB = 2.0**20
RECEIVING = Figures(
    rate=8 * MIB,
    connections=4,
    allowed=4,
    connecting=0.02,
    receiving=0.9,
    limited=0.0,
    writing=0.08,
    cpu=0.2,
    total=8 * MIB,
)
PLAIN = Situation(
    figures=RECEIVING,
    phase=Phase.DOWNLOADING,
    host="h:80",
    wanted=4,
    share=8,
    best=8 * MIB,
    best_total=8 * MIB,
)


def situation(*, figures: dict[str, object] | None = None, **fields: object) -> Situation:
    changed = replace(RECEIVING, **(figures or {}))  # type: ignore[arg-type]
    return replace(PLAIN, figures=changed, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "cause", "sentence"),
    [
        (
            situation(),
            Cause.SERVER,
            "h:80 sends 2.0 MiB/s on each connection, and 4 connections are all that it may have",
        ),
        (
            situation(single=True, mixed="another ETag"),
            Cause.SERVER,
            (
                "different servers behind h:80 answer with different files (another ETag): one"
                " connection keeps to one of them, at 8.0 MiB/s"
            ),
        ),
        (
            situation(wanted=8),
            Cause.SERVER,
            "h:80 sends 8.0 MiB/s over 4 connections",
        ),
        (
            situation(wanted=8, enough=4),
            Cause.SERVER,
            (
                "h:80, or the way to it, gives no more than 8.0 MiB/s:"
                " more than 4 connections brought nothing"
            ),
        ),
        (
            situation(single=True, figures={"connections": 1}),
            Cause.SERVER,
            "h:80 sends 8.0 MiB/s and allows one connection for this file",
        ),
        (
            situation(wanted=8, share=4, refused=True),
            Cause.SERVER,
            (
                "h:80 refuses more than 4 connections at present"
                " and sends 2.0 MiB/s on each connection"
            ),
        ),
        (
            situation(wanted=8, share=4),
            Cause.HOST_BUDGET,
            "its share of the connections to h:80 is 4, which brings 2.0 MiB/s on each connection",
        ),
        (
            situation(wanted=8, share=4, bringing=2),
            Cause.HOST_BUDGET,
            (
                "its share of the connections to h:80 is 4, which brings 4.0 MiB/s on each of 2"
                " and nothing on the others"
            ),
        ),
        (
            situation(figures={"rate": 0.0}),
            Cause.SERVER,
            "nothing comes from h:80 at present",
        ),
        (
            situation(own_limit=8 * MIB),
            Cause.OWN_LIMIT,
            "its own limit of 8.0 MiB/s holds it up",
        ),
        (
            situation(own_limit=20 * MIB, figures={"limited": 0.7, "receiving": 0.1}),
            Cause.OWN_LIMIT,
            "its own limit of 20.0 MiB/s holds it up",
        ),
        (
            situation(
                total_limit=10 * MIB,
                figures={"total": 10 * MIB, "others": 2, "limited": 0.9, "receiving": 0.05},
            ),
            Cause.TOTAL_LIMIT,
            "the limit of all downloads is 10.0 MiB/s, which it shares with 2 others",
        ),
        (
            situation(total_limit=8 * MIB),
            Cause.TOTAL_LIMIT,
            "the limit of all downloads is 8.0 MiB/s",
        ),
        (
            situation(
                own_limit=20 * MIB,
                total_limit=10 * MIB,
                figures={"total": 10 * MIB, "others": 1, "limited": 0.9, "receiving": 0.05},
            ),
            Cause.TOTAL_LIMIT,
            "the limit of all downloads is 10.0 MiB/s, which it shares with 1 other",
        ),
        (
            situation(figures={"cpu": 0.97, "writing": 0.6}),
            Cause.CPU,
            "winch itself is at its limit: it keeps a core 97% busy",
        ),
        (
            situation(figures={"writing": 0.61}),
            Cause.DISK,
            "the disk takes 61% of the time to write",
        ),
        (
            situation(figures={"connecting": 0.8}),
            Cause.CONNECTING,
            "h:80 takes 80% of the time to answer",
        ),
        (
            situation(
                best=20 * MIB,
                best_total=20 * MIB,
                elsewhere=1,
                figures={"total": 19 * MIB, "others": 1},
            ),
            Cause.NETWORK,
            "the line is full with 19.0 MiB/s, which it shares with 1 other",
        ),
        (
            situation(phase=Phase.VERIFYING),
            Cause.VERIFYING,
            "all bytes are here; the whole file is being hashed",
        ),
        (
            situation(phase=Phase.FINALIZING),
            Cause.DISK,
            "all bytes are here; the disk is making them durable",
        ),
        (situation(phase=Phase.CONNECTING), Cause.CONNECTING, "h:80 has not answered yet"),
    ],
)
def test_the_constraint_that_binds_is_named(case: Situation, cause: Cause, sentence: str) -> None:
    found = explain(case)
    assert (found.cause, found.sentence) == (cause, sentence)
    assert found.figures == case.figures


@pytest.mark.parametrize(
    "case",
    [
        situation(own_limit=20 * MIB, total_limit=20 * MIB),
        # Others use the limit up, and this one does not wait for it.
        situation(total_limit=10 * MIB, figures={"total": 10 * MIB, "others": 2}),
        # A full line takes nothing from one that never had more, or whose host is the same.
        situation(elsewhere=1, figures={"others": 1}),
        situation(best=20 * MIB, best_total=8 * MIB, elsewhere=0, figures={"others": 1}),
        situation(best=20 * MIB, best_total=20 * MIB, elsewhere=1, figures={"others": 1}),
        situation(figures={"cpu": None, "writing": None, "limited": None, "connecting": None}),
    ],
)
def test_what_does_not_bind_is_not_blamed(case: Situation) -> None:
    assert explain(case).cause is Cause.SERVER


@given(
    rate=st.none() | st.floats(0, 1e12),
    total=st.none() | st.floats(0, 1e12),
    connections=st.integers(0, 32),
    shares=st.tuples(*[st.none() | st.floats(0, 1)] * 3),
    phase=st.none() | st.sampled_from(Phase),
    limits=st.tuples(*[st.none() | st.integers(1, 10**12)] * 2),
    numbers=st.tuples(*[st.integers(1, 32)] * 2),
    enough=st.none() | st.integers(1, 32),
)
def test_there_is_always_one_sentence(
    *,
    rate: float | None,
    total: float | None,
    connections: int,
    shares: tuple[float | None, ...],
    phase: Phase | None,
    limits: tuple[int | None, ...],
    numbers: tuple[int, ...],
    enough: int | None,
) -> None:
    limited, writing, cpu = shares
    found = explain(
        Situation(
            figures=Figures(
                rate=rate,
                total=total,
                connections=connections,
                limited=limited,
                writing=writing,
                cpu=cpu,
            ),
            phase=phase,
            host="h",
            own_limit=limits[0],
            total_limit=limits[1],
            wanted=numbers[0],
            share=numbers[1],
            enough=enough,
        )
    )
    assert found.sentence
    assert "\n" not in found.sentence
    if limits[0] is None:
        assert found.cause is not Cause.OWN_LIMIT


def waiting(**fields: object) -> Download:
    request = DownloadRequest(url="http://h/a", directory="/d")
    download = Download(id="a1", request=request, name="a", order=1.0, created_at=NOW)
    return download.replace(**fields)


@pytest.mark.parametrize(
    ("download", "cause", "sentence"),
    [
        (
            waiting(
                wait_reason=WaitReason.RETRY,
                retry_at=NOW + timedelta(seconds=42),
                error=ErrorInfo(code=ErrorCode.HTTP_STATUS, message="the server answered 503"),
            ),
            Cause.RETRY,
            "it is tried again in 42 s after: the server answered 503",
        ),
        (
            waiting(
                wait_reason=WaitReason.RETRY,
                retry_at=NOW + timedelta(seconds=83),
                error=status_error(503, {"retry-after": "83"}, 0.0).info(),
            ),
            Cause.RETRY,
            (
                "it is tried again in 83 s after: the server answered 503 (service unavailable)"
                " (the server asks to be left alone for 83 s)"
            ),
        ),
        (
            waiting(
                wait_reason=WaitReason.DISK_LOW,
                error=ErrorInfo(code=ErrorCode.DISK_FULL, message="3.0 MiB of room are missing"),
            ),
            Cause.WAITING,
            "3.0 MiB of room are missing",
        ),
        (
            waiting(wait_reason=WaitReason.HOST_LIMIT),
            Cause.HOST_BUDGET,
            "its host is used up by other downloads",
        ),
        (
            waiting(wait_reason=WaitReason.QUEUED),
            Cause.WAITING,
            "its turn has not come: others run before it",
        ),
    ],
)
def test_what_waits_says_for_what(download: Download, cause: Cause, sentence: str) -> None:
    found = explain_waiting(download, held=False, now=NOW)
    assert found is not None
    assert (found.cause, found.sentence) == (cause, sentence)
    held = explain_waiting(download, held=True, now=NOW)
    assert held is not None
    assert held.cause is Cause.HELD


@pytest.mark.parametrize("reason", WaitReason)
def test_no_reason_to_wait_goes_without_a_sentence(reason: WaitReason) -> None:
    found = explain_waiting(waiting(wait_reason=reason), held=False, now=NOW)
    assert found is not None
    assert found.sentence


@pytest.mark.parametrize(
    "status", [Status.PAUSED, Status.FAILED, Status.CANCELLED, Status.COMPLETED]
)
def test_nothing_holds_up_what_nobody_wants_to_move(status: Status) -> None:
    assert explain_waiting(waiting(status=status), held=True, now=NOW) is None


def test_the_best_rate_stays_for_a_while_and_fades() -> None:
    best = BestRate()
    best.note(100.0, 10.0)
    best.note(40.0, 20.0)
    assert best.rate(10.0) == 100.0
    assert 98 < best.rate(20.0) < 100
    assert best.rate(10.0 + HALF_LIFE) == pytest.approx(50.0)
    best.note(60.0, 10.0 + HALF_LIFE)
    assert best.rate(10.0 + HALF_LIFE) == 60.0
