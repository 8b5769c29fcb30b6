"""What was looked up for a server and holds for a moment, so that not each request looks again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

HOLDS: Final = 1.0
"""Seconds for which what was found holds: nobody changes it and tries again in less."""


def origin_of(url: str) -> str:
    """Return a URL up to where its host and port end, or a little further."""
    return "/".join(url.split("/", 3)[:3])


class Remembered:
    """Answers by origin, forgotten all together; `now` returns monotonic seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until = now()
        self._found: dict[str, str] = {}

    def get(self, origin: str) -> str | None:
        """Return what was found for an origin, None where that has to be looked up."""
        if self._now() >= self._until:
            self._found.clear()
            return None
        return self._found.get(origin)

    def put(self, origin: str, found: str) -> str:
        """Take in what was found, and return it."""
        if not self._found:
            self._until = self._now() + HOLDS
        self._found[origin] = found
        return found
