"""What happens to downloads that a person's own programs and notices are told of.

A run of the queue is what it does from being idle to being idle again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from core.domain.bounds import cut
from core.domain.errors import ErrorInfo, UsageError
from core.domain.value import Value

_MOST_WORDS = 100
_MOST_CHARACTERS = 16 * 1024
_OF_A_SHELL = re.compile(r"[|&;<>$`]")


class HookEvent(StrEnum):
    """What a hook (`on_done`) or a notice can be for."""

    START = "start"
    DONE = "done"
    FAILED = "failed"
    QUEUE_DONE = "queue_done"
    DISK_LOW = "disk_low"

    @property
    def hook(self) -> str:
        """The name of its setting in `[hooks]`."""
        return f"on_{self.value}"


class NoticeFormat(StrEnum):
    """What is sent to the address of `[notify]`: a text with headers, or an object."""

    NTFY = "ntfy"
    JSON = "json"


class QueueRun(Value, frozen=True, kw_only=True, gc=False):
    """What came of a run of the queue: how many downloads ended how, and their bytes.

    `seconds` is how long it was, once it has ended.
    """

    began_at: datetime
    seconds: float = 0.0
    done: int = 0
    failed: int = 0
    bytes: int = 0


class LowDisk(Value, frozen=True, kw_only=True, gc=False):
    """A file system on which downloads wait for room, by one of their directories; in bytes."""

    directory: str
    free: int
    low_water: int


class HookCall(Value, frozen=True, kw_only=True, gc=False):
    """A hook that is to run, or that has begun, and what it is to be told.

    `number` grows from call to call. What it is about is the download of `download_id`, the `run`
    or the `disk`. `error` is why a download failed.
    """

    number: int
    event: HookEvent
    at: datetime
    download_id: str | None = None
    error: ErrorInfo | None = None
    run: QueueRun | None = None
    disk: LowDisk | None = None
    begun: bool = False


def check_command(words: Sequence[str]) -> None:
    """Raise UsageError unless this is a program with its arguments, or nothing at all."""
    if not words:
        return
    if len(words) > _MOST_WORDS or sum(map(len, words)) > _MOST_CHARACTERS:
        raise UsageError(
            f"it has more than {_MOST_WORDS} words or {_MOST_CHARACTERS:,} characters",
            hint="put it into a script",
        )
    if any("\0" in word for word in words):
        raise UsageError("it holds a NUL, which no program can be given")
    program = words[0]
    if not program or program.startswith("-"):
        raise UsageError("its first word names the program", hint='write ["~/bin/done", "…"]')
    if "/" in program and not program.startswith(("/", "~/")):
        raise UsageError(
            f"'{cut(program, 80)}' leads elsewhere from each directory",
            hint="write it from / or ~/ on, or a name that is found on PATH",
        )


def as_list(text: str) -> str:
    """Return how a command line that somebody wrote as one text is written as a list."""
    import shlex  # noqa: PLC0415 - for those who err

    if not _OF_A_SHELL.search(text):
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if words and len(text) <= 200:
            return f"[{', '.join(map(_quoted, words))}]"
    return '["sh", "-c", "…"], as no shell reads it'


def _quoted(word: str) -> str:
    return "'" + word + "'" if '"' in word or "\\" in word else f'"{word}"'
