"""What becomes of the downloads that were under way when winch ended: for the engine's start."""

from __future__ import annotations

from core.domain.settings import RecoveryMode


def decide(mode: RecoveryMode, age: float, ask_after: float | None) -> RecoveryMode:
    """Return what to do with downloads that were interrupted `age` seconds ago.

    What is older than `ask_after` seconds may not be wanted any more, or not all at once: where
    the rule is to resume, a person is asked first. None never asks.
    """
    if mode is RecoveryMode.RESUME and ask_after is not None and age > ask_after:
        return RecoveryMode.ASK
    return mode
