"""How much of what comes from outside is looked at, so that no sender decides how long that takes.

What goes beyond is refused in a plain sentence, or cut where it is only shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from core.domain.value import Value, field_names

MAX_URL = 8192
"""Characters of a URL: what servers and proxies take; a longer one works hardly anywhere."""
MAX_TEXT = 64 * 1024
"""Characters of any other text in a request."""
MAX_DIGITS = 18
"""Digits of a number: an exabyte less one, and what every integer type of 64 bits holds."""
MAX_SHOWN = 2048
"""Characters of a text that is only shown."""


def number(text: str) -> int | None:
    """Return the number that ASCII digits write; None for anything else, or for too many of them.

    `int` takes other scripts' digits, signs and underscores, and fails at very many digits.
    """
    digits = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if digits else None


def cut(text: str, most: int = MAX_SHOWN) -> str:
    """Return a text that may be shown: its beginning, `…` where something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


def overlong(value: object) -> str | None:
    """Return what in a request is longer than anybody can mean, None where nothing is.

    It goes through dictionaries, lists, tuples and dataclasses, without recursion.
    """
    waiting: list[Any] = [value]
    for item in waiting:  # which grows by what is in it
        # By their exact types first: it is asked of each of very many requests.
        if item is None or item is False or item is True:
            continue
        if type(item) is str or isinstance(item, str):
            if len(item) > MAX_TEXT:
                return f"a text of {len(item):,} characters is too long; {MAX_TEXT:,} are allowed"
        elif isinstance(item, int):
            if abs(item) >= _TOO_LARGE:
                return f"a number of more than {MAX_DIGITS} digits is too large"
        elif isinstance(item, dict):
            waiting += item
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
        else:
            kind: Any = type(item)
            waiting += _values(kind)(item)
    return None


@lru_cache(maxsize=256)
def _values(kind: type[Any]) -> Callable[[Any], Iterable[Any]]:
    """Return what takes the fields out of a value of ours, and nothing out of all else."""
    names = field_names(kind) if issubclass(kind, Value) else ()
    # Asked of each of very many requests.
    if len(names) > 1:
        return attrgetter(*names)
    return lambda item: [getattr(item, name) for name in names]


_TOO_LARGE = 10**MAX_DIGITS
