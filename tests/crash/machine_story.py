"""What happened in a run, for whoever has to find out why it went wrong.

Hypothesis repeats what fails, and the daemon's pace is another each time: what is told is the first
failure, as it was.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")


class BrokenDesignError(AssertionError):
    """All that happened, and what did not hold then."""


class Story:
    """What has happened in one run. `has_ended` tells that something did not hold."""

    _first: ClassVar[BrokenDesignError | None] = None

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.has_ended = False

    @contextmanager
    def ending(self) -> Iterator[None]:
        """End the story where the block fails."""
        if Story._first is not None:
            # Nobody waits for the attempts at the same again.
            self.has_ended = True
            raise Story._first
        try:
            yield
        except Exception as error:
            self.has_ended = True
            where = traceback.extract_tb(error.__traceback__)[-1]
            end = f"{type(error).__name__}: {error} (in {where.name}: {where.line})"
            Story._first = BrokenDesignError("\n".join(["", *self.happened, f"and then {end}"]))
            raise Story._first from error

    @classmethod
    @contextmanager
    def first_failure(cls) -> Iterator[None]:
        """Raise what failed first in the block, whatever Hypothesis made of it."""
        cls._first = None
        try:
            yield
        except Exception:
            if cls._first is not None:
                raise cls._first from cls._first.__cause__
            raise


class _Told(Protocol):
    story: Story


M = TypeVar("M", bound=_Told)


def told(rule: Callable[Concatenate[M, P], None]) -> Callable[Concatenate[M, P], None]:
    """Have it in the story that a rule was applied."""

    @wraps(rule)
    def tell(machine: M, /, *args: P.args, **kwargs: P.kwargs) -> None:
        words = ", ".join(f"{name}={value!r}" for name, value in kwargs.items())
        machine.story.happened.append(f"{rule.__name__}({words})")
        rule(machine, *args, **kwargs)

    return tell
