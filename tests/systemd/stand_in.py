"""Does of systemd what winch's unit is about: ready, watchdog, restart, what is enabled at boot.

`serve` is the manager, `ask` stands for systemctl. Everything it starts, and how, stands in the
unit files of $HOME/.config/systemd/user; it keeps to systemd.service(5) as far as it goes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

_SOCKET = "stand-in"


class Service:
    """One unit: `state` is its ActiveState."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.state = "inactive"
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self._fed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def setting(self, name: str) -> list[str]:
        """Return what is set of that name; a drop-in has the last word."""
        files = [self.file, *sorted(Path(f"{self.file}.d").glob("*.conf"))]
        text = "\n".join(file.read_text() for file in files)
        return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)

    async def start(self) -> bool:
        if self._task is None or self._task.done():
            self.state = "activating"
            self.ready.clear()
            self._task = asyncio.create_task(self._run())
        waiting = asyncio.create_task(self.ready.wait())
        await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return self.ready.is_set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            if self.process is not None:
                with suppress(ProcessLookupError):
                    self.process.send_signal(signal.SIGTERM)
                await self.process.wait()
            await asyncio.gather(self._task, return_exceptions=True)
        self.state = "inactive"

    def reload(self) -> None:
        assert self.setting("ExecReload") == ["/bin/kill -HUP $MAINPID"]
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    async def _run(self) -> None:
        """Keep it running as Restart=on-failure does."""
        assert self.setting("Restart") == ["on-failure"]
        while True:
            status = await self._run_once()
            self.ready.clear()
            prevented = self.setting("RestartPreventExitStatus")[-1].split()
            if status == 0 or str(status) in prevented:
                self.state = "inactive" if status == 0 else "failed"
                return
            self.state = "activating"
            await asyncio.sleep(float(self.setting("RestartSec")[-1]))

    async def _run_once(self) -> int:
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(address := f"\0winch-stand-in-{os.getpid()}-{self.file.name}")
        notify.setblocking(False)
        asyncio.get_running_loop().add_reader(notify, self._hear, notify)
        watchdog = float(self.setting("WatchdogSec")[-1])
        variables = [quoted_words(each)[0] for each in self.setting("Environment")]
        environment = dict(variable.split("=", 1) for variable in variables)
        try:
            self.process = await asyncio.create_subprocess_exec(
                # The watchdog is for this very process: its number is known once it runs.
                *("/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh"),
                *quoted_words(self.setting("ExecStart")[-1]),
                env={
                    "HOME": os.environ["HOME"],
                    "PATH": "/usr/bin:/bin",
                    **environment,
                    "NOTIFY_SOCKET": f"@{address[1:]}",
                    "WATCHDOG_USEC": str(int(watchdog * 1e6)),
                },
                cwd=self.setting("WorkingDirectory")[-1],
                umask=int(self.setting("UMask")[-1], 8),
                stdin=asyncio.subprocess.DEVNULL,
            )
            watching = asyncio.create_task(self._watch(watchdog, self.process))
            try:
                return await self.process.wait()
            finally:
                watching.cancel()
        finally:
            asyncio.get_running_loop().remove_reader(notify)
            notify.close()

    def _hear(self, notify: socket.socket) -> None:
        facts = notify.recv(4096).decode().split("\n")
        if "READY=1" in facts:
            self.state = "active"
            self.ready.set()
        if "WATCHDOG=1" in facts:
            self._fed.set()

    async def _watch(self, interval: float, process: asyncio.subprocess.Process) -> None:
        await self.ready.wait()
        while True:
            self._fed.clear()
            try:
                await asyncio.wait_for(self._fed.wait(), interval)
            except TimeoutError:
                process.send_signal(signal.SIGABRT)
                process.send_signal(signal.SIGCONT)
                return


class Manager:
    """All units of one home."""

    def __init__(self) -> None:
        self.directory = Path(os.environ["HOME"], ".config", "systemd", "user")
        self._services: dict[str, Service] = {}

    async def boot(self) -> None:
        for wanted in sorted(self._wants().glob("*.service")):
            await self._service(wanted.name).start()

    async def do(self, words: list[str]) -> tuple[int, str]:
        """Do what systemctl is asked; return its status and what it prints."""
        verb, *others = words
        services = [self._service(word) for word in others if word.endswith(".service")]
        if not all(service.file.exists() for service in services):
            return 5, ""
        if verb == "show":
            return 0, "".join(service.state for service in services)
        for service in services:
            if not await self._one(verb, service):
                return 1, ""
        return 0, ""

    async def _one(self, verb: str, service: Service) -> bool:
        link = self._wants() / service.file.name
        if verb == "enable":
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(service.file)
        if verb == "disable":
            link.unlink(missing_ok=True)
        if verb in ("disable", "stop", "restart"):
            await service.stop()
        if verb in ("start", "restart"):
            return await service.start()
        if verb == "reload":
            service.reload()
        return True

    def _wants(self) -> Path:
        return self.directory / "default.target.wants"

    def _service(self, name: str) -> Service:
        return self._services.setdefault(name, Service(self.directory / name))


def quoted_words(line: str) -> list[str]:
    """Return the words of a line of a unit in which each is quoted."""
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in quoted]


async def serve() -> None:
    manager = Manager()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = json.loads(await reader.readline())
        status, text = await manager.do([word for word in words if word != "--user"])
        writer.write(json.dumps([status, text]).encode())
        await writer.drain()
        writer.close()

    await asyncio.start_unix_server(answer, Path(os.environ["XDG_RUNTIME_DIR"], _SOCKET))
    await manager.boot()
    await asyncio.Event().wait()


def ask(words: list[str]) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.path.join(os.environ["XDG_RUNTIME_DIR"], _SOCKET))  # noqa: PTH118
        connection.sendall(json.dumps(words).encode() + b"\n")
        with connection.makefile() as answer:
            status, text = json.load(answer)
    print(text)
    return int(status)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    else:
        sys.exit(ask(sys.argv[2:]))
