"""A line of the log for people, also where it was written for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

_BEGINNING = '{"time": "'
_LONGEST_ESCAPE = len(r"\u0000")


def readable(line: str) -> list[str]:
    """Return what a line says, with the lines of a traceback behind it.

    One that is no JSON object of a log is returned as it is.
    """
    if not line.startswith(_BEGINNING) or (found := _parsed(line)) is None:
        return [line]
    try:
        moment = datetime.fromisoformat(str(found["time"])).astimezone()
        level, logger, message = found["level"], found["logger"], found["message"]
    except (ValueError, KeyError, OverflowError):
        return [line]
    at = f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03}"
    first, *rest = f"{at} {str(level).upper()} {logger}: {message}".split("\n")
    return [first, *rest, *str(found.get("exception", "")).splitlines()]


def _parsed(line: str) -> Mapping[str, object] | None:
    """Return the object of a line, also of one that was cut within its last text; else None."""
    # A long line is told as far as it goes, which may be to the middle of an escape.
    ends = (line, *(f'{line[: len(line) - cut]}…"}}' for cut in range(_LONGEST_ESCAPE)))
    for text in ends:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None
