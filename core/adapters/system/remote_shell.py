"""A shell on another machine, by ssh or what the person names instead, that runs winch there.

OpenSSH does what belongs to it: the person's configuration, agent, jump hosts, ControlMaster, and
who may come in. winch opens no port and knows no password.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
from asyncio.subprocess import SubprocessStreamProtocol
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import cast

from core.domain.bounds import cut
from core.domain.errors import ExitCode, HostError, UnreachableError, WinchError
from core.domain.machines import Host
from core.domain.text import valid

_MOST_SAID = 16 * 1024
"""Bytes of what a program says on stderr that are kept, the last ones."""
_MOST_TOLD = 300
_LIMIT = 64 * 1024
_ENDING = 0.5
"""Seconds in which a program that has closed its output has ended and said why."""
_NOT_FOUND = (126, 127)
_COMMAND = "rpc-stdio"


class RemoteShell:
    """A running program whose stdin and stdout lead to winch on another machine."""

    def __init__(
        self,
        host: Host,
        process: asyncio.subprocess.Process,
        transport: asyncio.SubprocessTransport,
        *,
        leads: bool,
        starts: bool = True,
        hear: Callable[[bytes], None] | None = None,
    ) -> None:
        self.reader = cast("asyncio.StreamReader", process.stdout)
        self.writer = cast("asyncio.StreamWriter", process.stdin)
        self._host = host
        self._process = process
        self._transport = transport
        self._leads = leads
        self._starts = starts
        self._said = bytearray()
        self._hear = hear
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(
        cls,
        host: Host,
        *,
        interactive: bool,
        patience: float | None = None,
        start: bool = True,
        command: str | None = None,
        hear: Callable[[bytes], None] | None = None,
    ) -> RemoteShell:
        """Run the program of a host; raises HostError where there is none to run.

        Unless `start` is False, winch starts a daemon there where none runs. With a `command` the
        shell there does that instead; `hear` gets what is said on stderr as it comes.

        Unless `interactive` it may ask nothing on the terminal, and Ctrl-C does not reach it. After
        `patience` seconds without a connection ssh gives up.
        """
        if command is None:
            command = f"exec {host.winch} {_COMMAND}" + ("" if start else " --no-start")
        argv = command_line(host, command, interactive=interactive, patience=patience)
        loop = asyncio.get_running_loop()
        try:
            # As `create_subprocess_exec` does, which keeps the transport to itself.
            transport, protocol = await loop.subprocess_exec(
                lambda: SubprocessStreamProtocol(_LIMIT, loop),
                *argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=not interactive,
                # It may ask for a password on the terminal, and still Ctrl-C is for winch alone.
                preexec_fn=_ignore_interrupt if interactive else None,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise HostError(
                f"{host.name} cannot be reached: {argv[0]}: {reason}",
                hint="OpenSSH's client does that; install it, or see [hosts] in config.toml",
            ) from error
        process = asyncio.subprocess.Process(transport, protocol, loop)
        return cls(host, process, transport, leads=not interactive, starts=start, hear=hear)

    async def why(self) -> WinchError | None:
        """Return why the program has ended, None where it still runs.

        It is an UnreachableError where no daemon runs there, and none was to be started.
        """
        try:
            async with asyncio.timeout(_ENDING):
                status = await self._process.wait()
                await self._listening
        except TimeoutError:
            return None
        if status == ExitCode.NOT_FOUND and not self._starts:
            return UnreachableError(
                f"no daemon is running on {self._host.name}",
                hint=f"`winch -H {self._host.name} daemon start` starts one",
            )
        return self.reason(status)

    async def ended(self) -> int:
        """Return the status with which the program has ended, once all that it said is heard."""
        status = await self._process.wait()
        # What it has left behind may hold its stderr for hours.
        await asyncio.wait((self._listening,), timeout=_ENDING)
        return status

    def reason(self, status: int) -> HostError:
        """Return what an end with this status means, where it was not winch's."""
        return _reason(self._host, status, bytes(self._said))

    async def close(self) -> None:
        """End the program, and return once it is gone. Idempotent."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_ENDING):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()
        # What it has left behind (a ControlMaster of ssh) may hold its stderr for hours.
        self._transport.close()
        await asyncio.sleep(0)

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            # Not by asyncio: before Python 3.12.8 that takes the status of one that has just ended
            # away from whoever waits for it, and writes a line about that on the terminal.
            with suppress(ProcessLookupError, PermissionError):
                # Those that it has started, such as a ProxyCommand, go with it.
                send = os.killpg if self._leads else os.kill
                send(self._process.pid, number)

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        with suppress(OSError):
            while said := await stderr.read(_MOST_SAID):
                if self._hear is not None:
                    self._hear(said)
                self._said += said
                del self._said[:-_MOST_SAID]


def command_line(
    host: Host, command: str, *, interactive: bool, patience: float | None = None
) -> list[str]:
    """Return what is run to have the shell of a host do a command.

    What is there need not be in the PATH of a shell that nobody logs in to: the usual place of a
    person's own programs is looked at too.
    """
    search = f'PATH="$PATH:$HOME/.local/bin"; {command}'
    program, *others = host.ssh
    own = []
    if PurePath(program).name == "ssh":
        own.append("-T")
        if not interactive:
            own += ["-o", "BatchMode=yes"]
        if patience is not None:
            own += ["-o", f"ConnectTimeout={max(1, round(patience))}"]
    # One word, as any shell reads it: ssh joins its words with spaces.
    return [program, *own, *others, f"exec sh -c {shlex.quote(search)}"]


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _reason(host: Host, status: int, said: bytes) -> HostError:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    last = valid(cut(lines[-1], _MOST_TOLD)) if lines else ""
    if status in _NOT_FOUND:
        return HostError(
            f"there is no winch on {host.name}" + (f" ({last})" if last else ""),
            hint="install it there (`pipx install .` in a checkout of winch), or say where it is:"
            f' [hosts.{host.name}] winch = "~/bin/winch"',
        )
    text = " ".join(lines)
    if "Host key verification failed" in text or "IDENTIFICATION HAS CHANGED" in text:
        return HostError(
            f"{host.name} cannot be reached: it shows another host key than the one that is known"
            if "CHANGED" in text
            else f"{host.name} cannot be reached: its host key is not known yet",
            hint=f"log in once by hand and look: {shlex.join(host.ssh)}",
        )
    if "Permission denied" in text:
        return HostError(
            f"{host.name} does not let us in: {last}",
            hint=f"log in once by hand, or add your key to the agent: {shlex.join(host.ssh)}",
        )
    how = f"status {status}" if status >= 0 else signal.Signals(-status).name
    return HostError(
        f"{host.name} cannot be reached: {last or f'{PurePath(host.ssh[0]).name} ended ({how})'}",
        hint=f"see whether this works: {shlex.join(host.ssh)}",
    )
