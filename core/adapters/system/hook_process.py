"""A program of the person's own, run by the daemon: with a time limit, and never with a shell.

It leads a process group of its own, so that what it starts ends with it where its time is over.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from core.domain.value import Value

T = TypeVar("T")

OUTPUT = 16 * 1024
"""Bytes that are kept of what one writes, its last ones."""
TERMINATING = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_DRAINING = 1.0
"""Seconds that the output may stay open behind the program: what it left running holds it."""
_BLOCK = 64 * 1024
_FLOOD = 1024 * 1024
"""Bytes beyond which a block is read every _PAUSE seconds at the most."""
_PAUSE = 0.01
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
    output = _Output()
    try:
        process = await _in_thread(lambda: _begin(found, command, environment, output.writing))
    except (OSError, ValueError) as error:
        output.close()
        return HookEnd(failure=f"{command[0]} cannot be run: {_reason(error)}")
    output.read_on()
    ending = _in_thread(process.wait)
    try:
        cut_off = await _end_of(process, ending, timeout, stop)
        await output.drain()
    finally:
        if not ending.done():
            _signal(process, signal.SIGKILL)
        output.close()
    return HookEnd(
        failure=_failure(process.returncode or 0, cut_off, timeout),
        cut_off=cut_off == _STOP,
        output=output.text,
        written=output.written,
    )


def _begin(
    program: str, command: Sequence[str], environment: Mapping[str, str], writing: int
) -> subprocess.Popen[bytes]:
    """Start a program; not by the loop: uvloop copies the whole process for it, and waits."""
    home = environment.get("HOME") or "/"
    return subprocess.Popen(  # noqa: S603 - the person's own words, and no shell
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
        env=dict(environment),
        cwd=home if os.path.isdir(home) else "/",  # noqa: PTH112
        start_new_session=True,
    )


def _in_thread(function: Callable[[], T]) -> asyncio.Future[T]:
    """Return what a function will return, called in a thread of its own.

    Those that the loop has are few, and this may take as long as a hook does.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, raised = None, None
        try:
            result = function()
        except Exception as error:
            raised = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, raised)

    threading.Thread(target=run, name="hook", daemon=True).start()
    return future


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


async def _end_of(
    process: subprocess.Popen[bytes],
    ending: asyncio.Future[int],
    timeout: float,
    stop: asyncio.Event,
) -> str:
    """Return once a program has ended, "" where it did so by itself; else why it had to."""
    stopping = asyncio.create_task(stop.wait())
    either: list[asyncio.Future[Any]] = [ending, stopping]
    try:
        await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
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
        stopping.cancel()
        await asyncio.wait([stopping])


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
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


class _Output:
    """The last bytes of what a program writes to `writing`.

    It is read without a transport: that of uvloop closes the descriptor of a pipe twice, and the
    second time it may be another thread's.
    """

    def __init__(self) -> None:
        self._kept = b""
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._pause: asyncio.TimerHandle | None = None
        self.written = 0

    def read_on(self) -> None:
        """Read what comes, now that somebody else writes."""
        os.close(self.writing)
        self.writing = -1
        self._loop.add_reader(self._reading, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._reading, _BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.written += len(data)
        self._kept = (self._kept + data)[-OUTPUT:]
        if not data:
            self._loop.remove_reader(self._reading)
            self._ended.set()
        elif self.written > _FLOOD:
            # Who writes without end waits for us: others have their turn.
            self._loop.remove_reader(self._reading)
            self._pause = self._loop.call_later(_PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._loop.add_reader(self._reading, self._read)

    async def drain(self) -> None:
        """Return once all is read, or somebody else holds it open for too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAINING):
                await self._ended.wait()

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._reading)
        os.close(self._reading)
        if self.writing >= 0:
            os.close(self.writing)

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")
