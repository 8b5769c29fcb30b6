"""Hold the garbage collector back while very many values are made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collecting() -> Iterator[None]:
    """Hold the garbage collector back.

    Nothing of what is being made is garbage, and looking for some, again and again, takes more
    than half of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def making_lasting() -> Iterator[None]:
    """Hold the garbage collector back, and have it pass over all there is from then on.

    For what is there to stay: each later look at it would take a tenth of a second, in the midst of
    anything. What is no longer referred to is freed as ever. Circles that lie about at that moment
    stay for good, so this is for few moments in the life of a process.
    """
    with not_collecting():
        try:
            yield
        finally:
            gc.freeze()
