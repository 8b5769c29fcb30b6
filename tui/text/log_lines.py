"""A line of the log for people, also where it was written for programs."""

from __future__ import annotations

import json
from datetime import datetime


def readable(line: str) -> list[str]:
    """Return what a line says, with the lines of a traceback behind it.

    One that is no whole JSON object of a log (text, or cut) is returned as it is.
    """
    if not line.startswith('{"time": "'):
        return [line]
    try:
        found = json.loads(line)
        moment = datetime.fromisoformat(found["time"]).astimezone()
        level, logger, message = found["level"], found["logger"], found["message"]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return [line]
    at = f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03}"
    first, *rest = f"{at} {str(level).upper()} {logger}: {message}".split("\n")
    return [first, *rest, *str(found.get("exception", "")).splitlines()]
