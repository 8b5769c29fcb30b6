"""The table of commands: what is declared of each, and how one enters."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

_Declare = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its line in the overview, where its code is, and how its options are declared.

    `handler` is `module:function` in `tui.cli`, loaded only when the command runs.
    """

    summary: str
    handler: str
    declare: _Declare
    examples: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {}


def command(summary: str, handler: str, *examples: str) -> Callable[[_Declare], _Declare]:
    """Enter a command under the name of the function that declares its options."""

    def enter(declare: _Declare) -> _Declare:
        name = declare.__name__.rstrip("_").replace("_", "-")
        COMMANDS[name] = Command(summary, handler, declare, examples)
        return declare

    return enter


def positive(text: str) -> int:
    """Read a number of 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def count(text: str) -> int:
    """Read a number of 0 or more."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


# argparse names the converter in its message: "invalid … value: 'x'".
positive.__name__ = "number (1 or more)"
count.__name__ = "count (0 or more)"


def as_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
