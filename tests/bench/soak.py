"""A day in minutes: one daemon with 200 downloads at a time, from servers at which all goes wrong.

Clients come and go beside it, limits change, config.toml is read anew. Asked is whether anything
grows that should not, whether winch itself was ever wrong, and whether every file is right.

Memory is what the kernel counts of the daemon's pages (PSS: shared ones in part), twice a second.
What is in use for a moment lies above what is never given back, so of each minute the lowest sample
counts, and through these goes a straight line by least squares, from when a quarter of the time is
over: by then all is loaded, and the history in memory is full. Its slope is what a day would add.
Few minutes tell little: the standard error says how little, and where the goal lies within twice of
it the verdict is that it cannot be told. Of every host as many downloads are listed: one that takes
few connections would have more and more of the list otherwise, and the load would not be steady.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from core.adapters.system.paths import Paths
from core.domain.models import Download, DownloadRequest, Status
from core.domain.service import Changes, DownloadService, LimitChanges
from core.rpc.client import RemoteService
from tests.bench.goals import MET, MISSED, UNSURE, Line
from tests.bench.measure import cpu_of, memory_of
from tests.bench.soak_clients import Clients
from tests.bench.soak_server import KINDS, Servers, servers, version_of
from tests.bench.tools import ask
from tests.bench.trend import Sample, Trend, floors, trend
from tui.demo.files import KIB, MIB

NAME = "soak"
TITLE = "200 downloads at a time, for minutes on end"
MINUTES = 20.0

ACTIVE = 200
MOST_SLOPE = 1.0
"""MB an hour."""
_HOSTS = 4
_LISTED = 2 * ACTIVE
"""Some are paused by clients, and some wait for their host."""
_WARM_UP = 0.25
_WINDOW = 60.0
_FEWEST_WINDOWS = 10
_TICK = 0.5
_END = 300.0
"""Seconds in which all that is left has to be done once nothing goes wrong any more."""
_RESTS = 120
"""Seconds in which connections that nobody needs have to be closed."""
_OWN_ERRORS = (" ERROR ", " CRITICAL ", "Traceback", "not foreseen", "unexpected")


def measure(minutes: float, place: str) -> tuple[list[str], list[Line]]:
    """Run it for so long; return what happened, and what became of the goals."""
    with (
        tempfile.TemporaryDirectory(prefix="wb", dir=place) as made,
        servers(_HOSTS) as served,
    ):
        soak = _Soak(Path(made), served, minutes * 60)
        return asyncio.run(soak.run())


class _Soak:
    """One daemon and all that happens to it."""

    def __init__(self, scratch: Path, served: Servers, seconds: float) -> None:
        self._home, self._files = scratch / "winch", scratch / "got"
        self._home.mkdir(mode=0o700)
        self._files.mkdir()
        self._served = served
        self._seconds = seconds
        self._chance = random.Random(1)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WINCH")}
        self._environment = clean | {"WINCH_HOME": str(self._home)}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._pid = self._at_first = 0
        self._began = 0.0
        self._added = 0
        self._kinds: Counter[str] = Counter()
        self._whole: Counter[str] = Counter()
        self._bytes = 0
        self._wrong: list[str] = []
        self._active: list[int] = []
        self._memory: list[Sample] = []
        self._open: list[Sample] = []
        paths = Paths.discover(self._environment)
        self._socket = paths.socket
        self._log = _Log(paths.log_file)

    async def run(self) -> tuple[list[str], list[Line]]:
        """Start the daemon, let all of it happen, and see how it ends."""
        self._configure()
        ask("daemon", "start", env=self._environment)
        try:
            status = json.loads(ask("daemon", "status", "--json", env=self._environment))
            self._pid = status["pid"]
            self._at_first = len(_descriptors(self._pid))
            self._began = time.monotonic()
            clients = await self._live()
            await self._finish()
            after = _descriptors(self._pid)
            cpu, peak = cpu_of(self._pid), memory_of(self._pid)
            self._log.look()
        finally:
            ask("daemon", "stop", env=self._environment)
        faults = self._served.end()
        lines = self._judge(len(after), faults)
        return self._tell(clients, faults, after, cpu or 0.0, peak or 0), lines

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def _configure(self) -> None:
        """Write settings, some of them others each time."""
        connections = self._chance.choice((2, 3))
        (self._home / "config.toml").write_text(
            f"[limits]\nactive = {ACTIVE}\nconnections = {connections}\n"
            f'connections_per_host = {ACTIVE * 2}\nmin_split = "256K"\nrate = "24M"\n'
            "[retry]\nattempts = 50\nbase = 0.2\ncap = 2.0\n"
            "[network]\nread_timeout = 4.0\n"
            '[disk]\nlow_water = "64M"\n'
        )

    async def _live(self) -> Clients:
        clients = Clients(self._socket, self._environment, self._chance, self._configure)
        doing = [
            asyncio.create_task(each) for each in (self._keep_busy(), self._sample(), clients.run())
        ]
        try:
            done, _ = await asyncio.wait(
                doing, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in doing:
                task.cancel()
            ended = await asyncio.gather(*doing, return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error
        assert not done
        return clients

    # -- downloads --------------------------------------------------------------------------------

    async def _keep_busy(self) -> None:
        """Add what is missing of the downloads that there are to be, and look at what is done."""
        while True:
            async with await RemoteService.open(self._socket) as service:
                for _ in range(60):
                    self._active.append(await self._round(service))
                    await asyncio.sleep(_TICK)

    async def _round(self, service: DownloadService) -> int:
        """Return how many downloads are active."""
        listed = await self._look_through(service)
        of_hosts = Counter(_host_of(download.request.url) for download in listed)
        requests = [
            self._request(host)
            for host in self._served.urls
            for _ in range(_LISTED // _HOSTS - of_hosts[host])
        ]
        if requests:
            await service.add(requests)
        return sum(download.status is Status.ACTIVE for download in listed)

    async def _look_through(self, service: DownloadService) -> list[Download]:
        """Compare what is done with what was served, take it off, and return what is not done."""
        listed = [view.download for view in await service.downloads()]
        ended = [d for d in listed if d.status in (Status.COMPLETED, Status.FAILED)]
        for download in ended:
            path = urlsplit(download.request.url).path
            file = self._files / path.rpartition("/")[2]
            if download.error is not None:
                self._wrong.append(f"{path}: {download.error.message}")
            elif await asyncio.to_thread(_is_right, file, path):
                self._whole[path.split("/")[1]] += 1
                self._bytes += file.stat().st_size
            else:
                self._wrong.append(f"{path}: not what was served")
        if ended:
            await service.remove([download.id for download in ended], files=True)
        return [download for download in listed if download not in ended]

    def _request(self, host: str) -> DownloadRequest:
        self._added += 1
        kind = self._chance.choice(KINDS)
        is_small = self._chance.random() < 0.3
        size = (
            self._chance.randrange(1, 200 * KIB) if is_small else self._chance.randrange(1, 4 * MIB)
        )
        self._kinds[kind] += 1
        return DownloadRequest(
            url=f"{host}/{kind}/f{self._added:06}-{size}", directory=str(self._files)
        )

    async def _finish(self) -> None:
        """Let nothing go wrong any more, until all is done and nobody is connected."""
        self._served.be_kind()
        until = time.monotonic() + _END
        async with await RemoteService.open(self._socket) as service:
            await service.limit(LimitChanges(rate=0))
            while left := await self._look_through(service):
                if time.monotonic() > until:
                    self._wrong += [f"{download.name}: did not end" for download in left]
                    break
                await service.set([d.id for d in left], Changes(limit=0, connections=0))
                await service.resume(None)
                await asyncio.sleep(_TICK)
        # Connections to servers are kept for a while.
        for _ in range(_RESTS):
            if len(_descriptors(self._pid)) <= self._at_first:
                break
            await asyncio.sleep(1.0)

    # -- figures ----------------------------------------------------------------------------------

    async def _sample(self) -> None:
        while True:
            self._memory.append((self._now, _memory(self._pid)))
            self._open.append((self._now, float(len(_descriptors(self._pid)))))
            if len(self._memory) % 20 == 0:
                self._log.look()
                if sys.stderr.isatty():
                    self._show()
            await asyncio.sleep(_TICK)

    def _show(self) -> None:
        print(
            f"\r{self._now / 60:.1f} min, {self._whole.total()} whole, {len(self._wrong)} wrong,"
            f" {self._memory[-1][1] / 1e6:.1f} MB, {self._open[-1][1]:.0f} descriptors ",
            end="\r",
            file=sys.stderr,
            flush=True,
        )

    def _judge(self, after: int, faults: dict[str, int]) -> list[Line]:
        warm = self._seconds * _WARM_UP
        window = min(_WINDOW, (self._seconds - warm) / _FEWEST_WINDOWS)

        def an_hour(samples: list[Sample], unit: float) -> Trend:
            found = trend(floors([sample for sample in samples if sample[0] > warm], window))
            return Trend(found.slope * 3600 / unit, found.error * 3600 / unit)

        memory, opened = an_hour(self._memory, 1e6), an_hour(self._open, 1.0)
        missing = sorted({*KINDS} - {"plain"} - faults.keys())
        active = sorted(self._active)[len(self._active) // 2]

        def line(what: str, found: str, goal: str, is_met: bool | None) -> Line:
            verdict = UNSURE if is_met is None else MET if is_met else MISSED
            return Line(what, found, "", goal, verdict)

        return [
            line(
                "memory, slope",
                f"{memory.slope:+.2f} ± {memory.error:.2f} MB/h",
                f"≤ {MOST_SLOPE:.0f} MB/h",
                memory.is_at_most(MOST_SLOPE),
            ),
            line(
                "descriptors, when all is done",
                f"{after}, {self._at_first} at the start",
                "no more than at the start",
                after <= self._at_first,
            ),
            line(
                "descriptors, slope",
                f"{opened.slope:+.1f} ± {opened.error:.1f} an hour",
                "none that is sure",
                opened.slope <= 3 * opened.error,
            ),
            line(
                "errors of its own in the log",
                str(len(self._log.errors)),
                "none",
                not self._log.errors,
            ),
            line(
                "files that are wrong",
                f"{len(self._wrong)} of {self._added}",
                "none",
                not self._wrong,
            ),
            line("active, median", str(active), f"{ACTIVE}", active >= ACTIVE * 9 // 10),
            line("what never went wrong", ", ".join(missing) or "nothing", "nothing", not missing),
        ]

    def _tell(
        self, clients: Clients, faults: dict[str, int], left: list[str], cpu: float, peak: int
    ) -> list[str]:
        def counted(counts: dict[str, int]) -> str:
            return ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))

        memory = [what / 1e6 for _, what in self._memory]
        eighths = ", ".join(f"{memory[len(memory) * n // 8]:.1f}" for n in range(8))
        opened = [what for _, what in self._open]
        rows = [
            f"{NAME}: {TITLE}: {self._seconds / 60:.1f} minutes",
            f"  files: {self._whole.total()} whole, {self._bytes / 1e9:.2f} GB",
            f"  of each kind: {counted(self._whole)}",
            f"  what went wrong at the servers: {counted(faults)}",
            f"  clients: {counted(clients.counts)}",
            f"  processor: {cpu / self._seconds * 100:.0f} % of one",
            f"  memory at each eighth of the time: {eighths} MB",
            f"  memory at last: {memory[-1]:.1f} MB, peak {peak / 1e6:.1f} MB",
            f"  descriptors: {min(opened):.0f} to {max(opened):.0f}",
        ]
        rows += [
            f"  a client was told {count} times: {text}"
            for text, count in clients.errors.most_common(10)
        ]
        kinds = Counter(name.partition(":")[0] for name in left)
        rows.append(f"  descriptors when all is done: {counted(kinds)}")
        rows += [f"  WRONG: {text}" for text in self._wrong[:20]]
        rows += [f"  IN THE LOG: {text}" for text in self._log.errors[:20]]
        return rows


class _Log:
    """What winch wrote into its log, read on before it is rotated away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[int, int] = {}
        self.errors: list[str] = []

    def look(self) -> None:
        """Read what is new."""
        for path in sorted(self._path.parent.glob(f"{self._path.name}*")):
            with suppress(FileNotFoundError), path.open(errors="replace") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self._read.get(inode, 0))
                self.errors += [line.strip() for line in file if _is_own_error(line)]
                self._read[inode] = file.tell()


def _host_of(url: str) -> str:
    """Return a URL up to its path."""
    return "/".join(url.split("/", 3)[:3])


def _is_own_error(line: str) -> bool:
    return any(sign in line for sign in _OWN_ERRORS)


def _is_right(file: Path, path: str) -> bool:
    """Tell whether a file is one of the versions that there were of it, whole."""
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    return found in (version_of(path, number).sha256 for number in (0, 1))


def _memory(pid: int) -> float:
    """Return the bytes that a process has for itself, and its part of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(float(line.split()[1]) * KIB for line in lines if line.startswith("Pss:"))


def _descriptors(pid: int) -> list[str]:
    """Return what a process has open."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(path.readlink()))
    return found
