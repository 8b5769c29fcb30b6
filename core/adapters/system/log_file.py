"""What the daemon notes for people: a rotating file, for its owner alone, without secrets."""

from __future__ import annotations

import errno
import io
import logging
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from core.adapters.files.named_file import UnfitFileError, check_named
from core.adapters.system.log_format import JournalFormatter, formatter
from core.domain.errors import StateError
from core.domain.settings import LogFormat

LOG_NAME = "winch.log"
_MAX_BYTES = 1024 * 1024
_OLDER_FILES = 3
_BLOCK = 64 * 1024
_LONGEST = 2000


@contextmanager
def logging_to(
    path: Path, style: LogFormat = LogFormat.TEXT, *, to_journal: bool = False
) -> Iterator[None]:
    """Send what is logged to `path` while the context lasts; raises StateError.

    With `to_journal` to stderr as well, which is the journal's then.
    """
    try:
        handler = _PrivateFileHandler(
            path, maxBytes=_MAX_BYTES, backupCount=_OLDER_FILES, encoding="utf-8"
        )
    except OSError as error:
        raise StateError(f"the log {path} cannot be written: {error.strerror}") from error
    handler.setFormatter(formatter(style))
    handlers: list[logging.Handler] = [handler]
    if to_journal:
        handlers.append(_JournalHandler(sys.stderr))
        handlers[-1].setFormatter(JournalFormatter())
    root = logging.getLogger()
    level = root.level
    for each in handlers:
        root.addHandler(each)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        for each in handlers:
            root.removeHandler(each)
            each.close()


def open_log(path: str | Path) -> int:
    """Open a log to write at its end, made with mode 0600 where it is missing.

    Raises OSError, also where the name is a link's, or of anything that is no file: a pipe would
    wait for its reader.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnfitFileError("it is a link, which is not followed; remove it") from None
        if error.errno in (errno.ENXIO, errno.EISDIR):
            raise UnfitFileError("it is not a file; remove it") from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise UnfitFileError("it is not a file; remove it")


def old_logs(directory: Path) -> list[Path]:
    """Return the older parts of the logs in a directory, the oldest first."""
    return sorted(directory.glob(f"*.log.[1-{_OLDER_FILES}]"), reverse=True)


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, the one before it included, each cut to 2,000 characters.

    Blocks. Raises StateError where it cannot be read.
    """
    found: list[str] = []
    for part in (path, path.with_name(f"{path.name}.1")):
        if len(found) < lines:
            found = _last_lines(part, lines - len(found)) + found
    return found


class _PrivateFileHandler(RotatingFileHandler):
    """Makes its files with mode 0600 from the first byte on.

    A file that somebody deleted or moved away is made anew: what is written to it afterwards would
    be found by nobody.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and not _is_at(self.baseFilename, self.stream):
            self.stream.close()
            # The library opens it again.
            self.stream = None
        super().emit(record)

    def _open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(
            os.fdopen(open_log(self.baseFilename), "ab", buffering=0),
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802
        # Where the last line ended says enough; the library formats each line once more for it
        # and asks the disk twice.
        del record
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        # A full disk must not fill the terminal of a foreground daemon with tracebacks.
        del record


def _is_at(path: str, stream: io.TextIOWrapper) -> bool:
    try:
        found = os.lstat(path)  # (for every line that is logged)
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(stream.fileno()))


class _JournalHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        # A journal that is gone is no reason to fill anything with tracebacks.
        del record


def _last_lines(path: Path, count: int) -> list[str]:
    content = b""
    try:
        check_named(path, most=sys.maxsize)
        with path.open("rb") as file:
            at = file.seek(0, os.SEEK_END)
            while at and content.count(b"\n") <= count:
                size = min(_BLOCK, at)
                at = file.seek(at - size)
                content = file.read(size) + content
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"the log {path} cannot be read: {error.strerror}") from error
    lines = content.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    return [line[:_LONGEST] for line in lines[-count:]]
