"""How what is logged is written: for people, for programs, for the journal; never with a secret.

A record may say which download it is about (`extra={"download": id}`), or which ones.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from core.domain.redact import redact_text
from core.domain.settings import LogFormat

_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""Levels from which on a line has a priority of syslog(3); what is below them is 7."""
_ABOUT = ("download", "downloads")
_STDERR = 2


def formatter(style: LogFormat) -> logging.Formatter:
    """Return what makes the lines of the log."""
    if style is LogFormat.JSON:
        return JsonFormatter()
    return RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


def is_journal(environment: Mapping[str, str]) -> bool:
    """Tell whether stderr is the journal's, as systemd.exec(5) says of JOURNAL_STREAM."""
    try:
        found = os.fstat(_STDERR)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class RedactingFormatter(logging.Formatter):
    """Redacts the finished text, so that a traceback gives nothing away either."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


class JournalFormatter(RedactingFormatter):
    """Puts the priority before each line, as sd-daemon(3) has it; the journal knows the time."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        priority = next((p for level, p in _PRIORITIES if record.levelno >= level), 7)
        lines = super().format(record).splitlines() or [""]
        return "\n".join(f"<{priority}>{line}" for line in lines)


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of each record, in ASCII and in one line.

    Each text is redacted by itself: what is escaped already hides where a secret ends.
    """

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact_text(record.getMessage()),
        }
        for name in _ABOUT:
            if (about := getattr(record, name, None)) is not None:
                line[name] = about
        if record.exc_info:
            line["exception"] = redact_text(self.formatException(record.exc_info))
        return json.dumps(line, default=str)
