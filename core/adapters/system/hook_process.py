"""A program of the person's own, run by the daemon: with a time limit, and never with a shell.

It leads a process group of its own, so that what it starts ends with it where its time is over.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from core.domain.value import Value

OUTPUT = 16 * 1024
"""Bytes that are kept of what one writes, its last ones."""
TERMINATING = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_DRAINING = 1.0
"""Seconds that the output may stay open behind the program: what it left running holds it."""
_TIME, _STOP = "time", "stop"


class HookEnd(Value, frozen=True, kw_only=True):
    """How one ended, in words; `output` is the end of what it wrote, of `written` bytes in all.

    `failure` is empty where it ended well, `cut_off` tells that it was ended from here.
    """

    failure: str = ""
    cut_off: bool = False
    output: str = ""
    written: int = 0


async def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout: float,
    stop: asyncio.Event,
) -> HookEnd:
    """Run a program to its end, for `timeout` seconds at the most, and until `stop` is set.

    Nothing is raised for what is wrong with it. It has the home directory as its own, since what a
    server named lies in others, nothing to read, and its output is read here.
    """
    found = program_path(command[0], environment)
    if found is None:
        return HookEnd(failure=f"there is no program {command[0]}")
    home = environment.get("HOME") or "/"
    output = _Output()
    writing = await output.open()
    try:
        process = await asyncio.create_subprocess_exec(
            found,
            *command[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env=dict(environment),
            cwd=home if os.path.isdir(home) else "/",  # noqa: ASYNC240, PTH112
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        output.close()
        return HookEnd(failure=f"{command[0]} cannot be run: {_reason(error)}")
    finally:
        os.close(writing)
    try:
        cut_off = await _end_of(process, timeout, stop)
        await output.drain()
    finally:
        if process.returncode is None:
            _signal(process, signal.SIGKILL)
        output.close()
    return HookEnd(
        failure=_failure(process.returncode or 0, cut_off, timeout),
        cut_off=cut_off == _STOP,
        output=output.text,
        written=output.written,
    )


def program_path(program: str, environment: Mapping[str, str]) -> str | None:
    """Return where a program lies that is named by its path, from `~/` on or as found on PATH."""
    if program.startswith("~/"):
        return f"{environment.get('HOME', '').rstrip('/')}{program[1:]}"
    if "/" in program:
        return program
    return shutil.which(program, path=environment.get("PATH", os.defpath))


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOEXEC:
        return "its first line does not begin with #!"
    return getattr(error, "strerror", None) or "it cannot be given these words"


async def _end_of(process: asyncio.subprocess.Process, timeout: float, stop: asyncio.Event) -> str:
    """Return once a program has ended, "" where it did so by itself; else why it had to."""
    ending = asyncio.create_task(process.wait())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([ending, stopping], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            return ""
        why = _STOP if stopping.done() else _TIME
        _signal(process, signal.SIGTERM)
        await asyncio.wait([ending], timeout=TERMINATING)
        # What it has started may go on without it.
        _signal(process, signal.SIGKILL)
        await asyncio.wait([ending])
        return why
    finally:
        for task in (ending, stopping):
            task.cancel()
        await asyncio.wait([ending, stopping])


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # Its group bears its number for as long as anybody is in it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _failure(status: int, cut_off: str, timeout: float) -> str:
    if cut_off == _TIME:
        return f"it was ended after {timeout:g} s, its time limit"
    if cut_off:
        return "it was ended because winch ended"
    if status < 0:
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-status).name}"
        return f"it was ended by signal {-status}"
    return f"it ended with status {status}" if status else ""


class _Output(asyncio.Protocol):
    """The last bytes of what a program writes."""

    def __init__(self) -> None:
        self._kept = b""
        self._ended = asyncio.Event()
        self._transport: asyncio.BaseTransport | None = None
        self.written = 0

    async def open(self) -> int:
        """Return what the program writes to, which is to be closed here."""
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(lambda: self, os.fdopen(reading, "rb", 0))
        return writing

    def data_received(self, data: bytes) -> None:
        self.written += len(data)
        self._kept = (self._kept + data)[-OUTPUT:]

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended.set()

    async def drain(self) -> None:
        """Return once all is read, or somebody else holds it open for too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAINING):
                await self._ended.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")
