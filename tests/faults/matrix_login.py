"""Row 56: Digest authentication, whose nonces go stale while a file is on its way."""

from __future__ import annotations

from dataclasses import replace

from core.domain.errors import ErrorCode
from core.domain.login import basic
from tests.faults.cases import (
    AGAIN,
    ALONE,
    GOOD,
    Case,
    Failed,
    Serve,
    Stage,
    Way,
    ends,
)
from tests.faults.digest import PASSWORD, USER, Gate

LOGIN = {"Authorization": basic(USER, PASSWORD)}


def gated(gate: Gate) -> Serve:
    """Serve the file to whoever passes."""
    return lambda ask: replace(GOOD, statuses=gate)


def no_password_seen(stage: Stage) -> None:
    """Look that no request carried the password as it is."""
    shown = [request.headers.get("authorization", "Digest") for request in stage.faulty()]
    assert all(value.startswith("Digest") for value in shown)


def _cases() -> tuple[Case, ...]:
    # A gate remembers its nonces: each way has one of its own.
    return tuple(
        Case(
            row=56,
            title=title,
            serve=gated(Gate(uses=uses, says_stale=says)),
            headers=LOGIN,
            ends=ends((way,)),
            peers=peers,
            check=no_password_seen,
        )
        for title, uses, says, peers in (
            ("nonce for all", 1_000, True, 9),
            ("nonce for one request", 1, True, 16),
            ("stale without a word", 1, False, 16),
        )
        for way in (*ALONE, *AGAIN, Way.EIGHT_ALL)
    )


CASES = (
    *_cases(),
    *(
        Case(
            row=56,
            title=title,
            serve=gated(gate),
            headers=headers,
            ends=ends((*ALONE, *AGAIN), Failed(code=ErrorCode.AUTH_REQUIRED)),
            check=no_password_seen,
        )
        for title, gate, headers in (
            ("wrong password", Gate(secret="other"), LOGIN),
            ("auth-int only", Gate(qop="auth-int"), LOGIN),
            ("unknown algorithm", Gate(algorithm="SHA-1"), LOGIN),
            ("stale for ever", Gate(uses=0), LOGIN),
            ("nobody named", Gate(), {}),
        )
    ),
)
