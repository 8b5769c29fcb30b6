"""A command of winch on another machine, done there to its end: what no daemon does to itself.

Before winch begins there, a mark is printed: what a login says of its own is before it and not
told, and whoever waits knows that the machine answers. All that comes is bounded.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence

from core.adapters.system.remote_shell import RemoteShell
from core.domain.bounds import cut
from core.domain.errors import HostError
from core.domain.machines import Host

Tell = Callable[[str, bool], None]
"""Gets a line as it comes, with whether it was on stderr."""

LOGIN = 30.0
"""Seconds for a login that asks nobody."""
LONGEST = 300.0
"""Seconds for a command: a daemon has two minutes to end, and a service manager 90 s for a step."""
_MARK = "winch-begins-here"
_MOST_LINE = 16 * 1024
_MOST = 256 * 1024
"""Bytes that are told of what comes on stdout, and on stderr."""
_CHUNK = 16 * 1024
_NO_WINCH = (126, 127)
_LOST = 255
"""With which ssh ends where the connection does, and winch never."""


async def run(
    host: Host, words: Sequence[str], tell: Tell, *, interactive: bool, patience: float | None
) -> int:
    """Do a command of winch there and return its exit status; raises HostError.

    Unless `interactive` nothing is asked on the terminal, and within `patience` seconds the machine
    has to answer. A command that has begun goes on where the connection is lost.
    """
    if patience is None and not interactive:
        patience = LOGIN
    mark = f"echo {_MARK}; echo {_MARK} >&2"
    others: list[str] = []

    def on_stderr(line: str) -> None:
        # What is not winch's may be the shell's word for why there is none.
        if line.startswith("winch: "):
            tell(line, True)
        else:
            others.append(line)

    out, err = _Lines(lambda line: tell(line, False)), _Lines(on_stderr)
    shell = None
    try:
        async with asyncio.timeout(patience) as limit:
            shell = await RemoteShell.open(
                host,
                interactive=interactive,
                patience=patience,
                command=f"{mark}; exec {host.winch} {shlex.join(words)}",
                hear=err.add,
            )
            await _read(shell, out, limit)
            status = await shell.ended()
    except TimeoutError:
        raise _late(host, words, patience, has_begun=out.has_begun) from None
    finally:
        if shell is not None:
            await shell.close()
    if status in _NO_WINCH or not out.has_begun:
        raise shell.reason(status)
    err.end()
    for line in others:
        tell(line, True)
    if status == _LOST or status < 0:
        raise HostError(
            f"the connection to {host.name} was lost; what was begun there goes on",
            hint=f"`winch -H {host.name} daemon status` tells what came of it",
        )
    return status


async def _read(shell: RemoteShell, out: _Lines, limit: asyncio.Timeout) -> None:
    """Take in what comes on stdout; from the mark on there is as much time as a command takes."""
    # Nothing is asked there.
    shell.writer.close()
    while data := await shell.reader.read(_CHUNK):
        had_begun = out.has_begun
        out.add(data)
        if out.has_begun and not had_begun:
            limit.reschedule(asyncio.get_running_loop().time() + LONGEST)
    out.end()


def _late(
    host: Host, words: Sequence[str], patience: float | None, *, has_begun: bool
) -> HostError:
    if not has_begun:
        return HostError(
            f"{host.name} has not answered for {patience:g} s",
            hint=f"see whether this works: {shlex.join(host.ssh)}",
        )
    return HostError(
        f"`winch {shlex.join(words)}` has not ended on {host.name} within {LONGEST:g} s",
        hint=f"it goes on there: `winch -H {host.name} daemon status`",
    )


class _Lines:
    """Makes lines of what comes in pieces, from the mark on; drops what is more than is told."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.has_begun = False
        self._tell = tell
        self._left = _MOST
        self._rest = b""

    def add(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        # Of a line that does not end the beginning is kept.
        self._rest = self._rest[:_MOST_LINE]
        for line in lines:
            self._take(line)

    def end(self) -> None:
        """Tell the last line, which need not have an end."""
        if self._rest:
            self._take(self._rest)
            self._rest = b""

    def _take(self, line: bytes) -> None:
        if not self.has_begun:
            # What a login says may have no end of line.
            self.has_begun = line.strip().endswith(_MARK.encode())
            return
        self._left -= len(line)
        if self._left >= 0:
            self._tell(cut(line.decode(errors="replace"), _MOST_LINE))
