"""How a person is asked for a rate limit, of one download, of several or of a collection."""

from __future__ import annotations

from collections.abc import Callable

from core.domain.errors import UsageError
from core.domain.units import parse_rate, rate_text
from tui.widgets.prompt import Question

_RATES = "bytes per second: 500k, 2.5M, 1G, or off"


def rate_question(label: str, now: int | None, use: Callable[[int | None], object]) -> Question:
    """Return the question for a limit in bytes/s in place of the one there is; None is none."""
    return Question(
        label=label,
        value="" if now is None else rate_text(now),
        note=_RATES,
        replaces=True,
        typed=lambda text: parse_rate(text) if text.strip() else None,
        accept=lambda text: use(_rate_of(text)),
    )


def _rate_of(text: str) -> int | None:
    if not text.strip():
        raise UsageError("nothing is said", hint=f"write {_RATES}")
    return parse_rate(text)
