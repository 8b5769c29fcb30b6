"""A day on a server, with the commands of the README's section of that name, and nobody in between.

An evening, a night with a reboot, a laptop with a link that dies, a morning. What is told of it is
seen from outside: on the disk of the server, in what the web server was asked for, and in what the
commands say. The reboot takes the power of a machine of its own (`machine.py`), on which cron then
starts what `winch daemon install` has written.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.ssh.laptop import Laptop
from tests.ssh.link import Link
from tests.ssh.server import SshServer, ssh_server
from tui.demo.files import DemoFile
from tui.demo.server import DemoServer

_PATIENCE = 60.0
_RECONNECT = b"\x12"
_TOLD = '#!/bin/sh\necho "$WINCH_HOOK" >>{home}/told\n'
_SETTINGS = """
[downloads]
directory = "{home}/data"
[limits]
active = 4
connections = 2
[hooks]
on_done = ["{home}/tell"]
on_queue_done = ["{home}/tell"]
"""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a day came to; seconds, and bytes."""

    files: int
    size: int
    back: float
    """From power on to the first request, with nobody logged in."""


def day(
    count: int,
    size: int,
    rate: int,
    *,
    delay: float = 0.0,
    say: Callable[[str], object] = lambda _: None,
) -> Figures:
    """Live through it with so many files of `size` bytes, at `rate` bytes/s for each connection.

    Towards morning it is as fast as it goes, so that a day need not take one. Raises AssertionError
    at the first thing that is not as the README says.
    """
    files = [DemoFile(f"set-{number}.bin", size, rate=rate) for number in range(count)]
    with (
        ssh_server() as server,
        DemoServer(files) as web,
        Link(server.port, delay=delay) as link,
        tempfile.TemporaryDirectory(prefix="w", dir="/tmp") as place,
    ):
        laptop = Laptop(Path(place) / "laptop", link.inside)
        laptop.meet(server)
        return _Day(server, web, laptop, link, files=files, say=say).live()


class _Day:
    def __init__(
        self,
        server: SshServer,
        web: DemoServer,
        laptop: Laptop,
        link: Link,
        *,
        files: Sequence[DemoFile],
        say: Callable[[str], object],
    ) -> None:
        self.server = server
        self.machine = server.machine
        self.data = server.machine.home / "data"
        self.web = web
        self.link = link
        self.laptop = laptop
        self.files = files
        self._say = say

    def live(self) -> Figures:
        with self._step("evening: log in, install, add a list, log out"):
            self._evening()
        with self._step("night: the power goes; nobody logs in, and it goes on"):
            back = self._night()
        with self._step("at home: the screen of the server, a limit, the link dies and is back"):
            self._at_home()
        with self._step("morning: all is there, history says when, the hooks ran once"):
            self._morning()
        size = sum(file.size for file in self.files)
        return Figures(files=len(self.files), size=size, back=back)

    def _evening(self) -> None:
        home = self.machine.home
        self.machine.write(".config/winch/config.toml", _SETTINGS.format(home=home))
        self.machine.write("tell", _TOLD.format(home=home)).chmod(0o755)
        self.machine.write("urls.txt", "".join(f"{self.web.url(file)}\n" for file in self.files))
        lines = ("mkdir data", "winch daemon install", "winch add -i urls.txt", "exit")
        done = self.laptop.ssh("server", "bash -e", stdin="\n".join(lines))
        assert done.returncode == 0, done.stderr
        self._until_it_moves()

    def _night(self) -> float:
        self.machine.switch_off()
        assert not self._told()
        began, before = time.monotonic(), self._requests()
        self.server.start()
        self._until(lambda: self._requests() > before)
        return time.monotonic() - began

    def _at_home(self) -> None:
        with self.laptop.screen("-H", "server") as screen:
            screen.read_until("server", self.files[0].name)
            assert self.laptop.winch("-H", "server", "limit", "200k").returncode == 0
            screen.read_until("200")
            self.link.cut()
            screen.read_until("as of", "tries now")
            self._until_it_moves()
            self.link.mend()
            screen.type(_RECONNECT)
            assert self.laptop.winch("-H", "server", "limit", "300k").returncode == 0
            screen.read_until("300")
            screen.type(b"q")
            assert screen.read_to_the_end() == 0

        assert self.laptop.winch("-H", "server", "limit", "off").returncode == 0

    def _morning(self) -> None:
        for file in self.files:
            # The server looks at it before each piece.
            object.__setattr__(file, "rate", None)
        assert self.laptop.winch("-H", "server", "wait", "--all").returncode == 0
        assert self._status() == {"completed"}
        for file in self.files:
            path = self.data / file.name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
        assert {path.name for path in self.data.iterdir()} == {file.name for file in self.files}
        history = self.laptop.json("-H", "server", "history")
        ended = {entry["name"]: entry["ended_at"] for entry in history}
        assert ended.keys() == {file.name for file in self.files}
        assert all(ended.values())
        self._until(lambda: "on_queue_done" in self._told())
        assert self._told() == {"on_done": len(self.files), "on_queue_done": 1}

    def _requests(self) -> int:
        return self.web._requests.total()

    def _status(self) -> set[str]:
        return {each["status"] for each in self.laptop.json("-H", "server", "ls")}

    def _told(self) -> Counter[str]:
        told = self.machine.home / "told"
        return Counter(told.read_text().split() if told.exists() else ())

    def _until_it_moves(self) -> None:
        """Return once more has been written, which the disk of the server tells."""
        before = self._last_write()
        self._until(lambda: self._last_write() > before)

    def _last_write(self) -> int:
        # One of them may be getting its name.
        with suppress(FileNotFoundError):
            return max((each.stat().st_mtime_ns for each in self.data.iterdir()), default=0)
        return 0

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it does not come to pass"
            time.sleep(0.02)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._say(f"{time.monotonic() - began:6.1f} s  {what}")
