"""One daemon hands over to the next, of another version: what goes on, and who hears of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from core import handover, launcher, starting
from core.adapters.system.paths import Paths
from core.adapters.system.process import Surroundings
from core.domain.errors import ConfigError, DaemonError, UnreachableError, UsageError
from core.domain.models import DownloadRequest
from core.domain.version import VERSION
from core.rpc.client import RemoteService
from tests.fakes import FakeService
from tests.unix import serving, short_directory
from tui.cli import daemon
from tui.cli.parser import parse
from tui.cli.terminal import say

ROOT = Path(__file__).parents[2]
_OLDER = """
import sys
from core.domain import version
version.VERSION = "0.0.9"
from core import launcher
from tui.cli.daemon_process import commands
sys.exit(launcher.be_daemon(commands))
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with short_directory() as directory:
        monkeypatch.setenv("WINCH_HOME", str(directory))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("WINCH_LIMITS_ACTIVE", "3")
        yield directory


def _start_older(writer: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _OLDER, "--ready-fd", str(writer)],
        env=os.environ | environment,
        pass_fds=(writer,),
        umask=0o027,
    )


def _run(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process with the context, however that ends."""
    try:
        yield
    finally:
        process.kill()


@asynccontextmanager
async def an_older_daemon(**environment: str) -> AsyncIterator[RemoteService]:
    """Have the daemon of an older winch run, with these variables."""
    reader, writer = os.pipe()
    process = _start_older(writer, environment)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as ready:
            assert b'"error":null' in await asyncio.to_thread(ready.readline)
        async with await launcher.connect(start=False) as service:
            yield service
    finally:
        await launcher.stop_daemon()
        process.wait()


async def test_the_next_one_goes_on_with_the_queue_and_in_the_same_surroundings(
    home: Path,
) -> None:
    told: list[str] = []
    async with an_older_daemon(WINCH_LIMITS_ACTIVE="7") as older:
        assert older.peer.version == "0.0.9"
        assert f"winch 0.0.9, this is {VERSION}: `winch daemon restart`" in older.peer.notice
        (download,) = await older.add(
            [DownloadRequest(url="http://127.0.0.1:9/a", directory="/tmp")]
        )
        await older.hold(True)
        before = await older.status()
        async with older.subscribe() as events:
            snapshot = await anext(events)
            assert older.peer.notice in snapshot.notices  # type: ignore[union-attr]
        async with await launcher.restart_daemon(told.append) as newer:
            after = await newer.status()
            assert (after.version, after.paused) == (VERSION, True)
            assert after.pid != before.pid
            assert newer.peer.notice == ""
            assert [view.download.id for view in await newer.downloads()] == [download.id]
            if Path("/proc/self/environ").exists():
                found = {each.name: each.value for each in await newer.settings_in_force()}
                assert found["limits.active"] == "7"
                assert "Umask:\t0027" in Path(f"/proc/{after.pid}/status").read_text()
    assert told == [
        f"winch 0.0.9, process {before.pid}, stops at a checkpoint",
        f"winch {VERSION} starts",
    ]
    assert not Paths.discover(os.environ).handover_file.exists()


async def test_settings_that_the_next_one_would_refuse_stop_nothing(home: Path) -> None:
    told: list[str] = []
    async with an_older_daemon() as older:
        before = await older.status()
        (home / "config.toml").write_text("[limits]\nactive = 'many'\n")
        with pytest.raises(ConfigError, match=r"limits\.active"):
            await launcher.restart_daemon(told.append)
        assert (told, (await older.status()).pid) == ([], before.pid)


async def test_where_the_next_one_does_not_come_up_the_way_on_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with an_older_daemon():
        monkeypatch.setattr(starting, "_DAEMON", "core.nowhere")
        with pytest.raises(DaemonError, match="does not come up: ") as caught:
            await launcher.restart_daemon(lambda _: None)
    assert "(see " in caught.value.message
    # It was the same program, which brings back nothing.
    assert caught.value.hint == (
        "nothing is lost: once that is mended, `winch daemon start` goes on"
    )


def test_the_way_back_is_the_program_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "winch").touch()
    former = Surroundings(environment={}, umask=0o77, command=(str(tmp_path / "python"),))
    assert handover._way_on(former).startswith(f"`{tmp_path}/winch daemon start` brings")


async def test_a_restart_tells_its_steps_in_their_order_and_its_outcome_as_json(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is waited for is said unless a step was, which is as if all took long.
    @contextmanager
    def impatience(words: str) -> Iterator[Callable[[], None]]:
        unsaid = [words]
        yield unsaid.clear
        for each in unsaid:
            say(each)

    monkeypatch.setattr(daemon, "impatience", impatience)
    async with an_older_daemon() as older:
        before = await older.status()
        done = daemon.run(parse(["daemon", "restart", "--json"])[1])
        assert not isinstance(done, int)
        assert await done == 0
        said = capsys.readouterr()
        record = json.loads(said.out)
        assert said.err.splitlines() == [
            f"winch: winch 0.0.9, process {before.pid}, stops at a checkpoint",
            f"winch: winch {VERSION} starts",
        ]
        async with await launcher.connect(start=False) as newer:
            status = await newer.status()
    assert record == {"version": VERSION, "pid": status.pid, "paused": False}


async def test_a_restart_is_brought_to_its_end_though_nobody_hears_of_it_any_more(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    async with an_older_daemon() as older:
        before = await older.status()
        with os.fdopen(writer, "w") as nobody, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", nobody)
            with suppress(BrokenPipeError):
                await daemon.run(parse(["daemon", "restart"])[1])  # type: ignore[misc]
            with suppress(BrokenPipeError):
                nobody.close()
        async with await launcher.connect(start=False) as newer:
            assert (await newer.status()).pid != before.pid


async def test_only_what_has_an_outcome_in_json_takes_the_option() -> None:
    with pytest.raises(UsageError, match="--json is for"):
        daemon.run(parse(["daemon", "stop", "--json"])[1])


async def waits_for_a_handover(
    coming: asyncio.Task[RemoteService], monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Tell whether somebody sees a handover, waits and looks for it again, and does not go on."""
    waits, seen, look = asyncio.Event(), 0, handover.is_under_way

    def is_under_way(file: Path) -> bool:
        nonlocal seen
        seen += (is_seen := look(file))
        if seen > 1:
            waits.set()
        return is_seen

    monkeypatch.setattr(handover, "_POLL", 0.01)
    monkeypatch.setattr(handover, "is_under_way", is_under_way)
    waiting = asyncio.create_task(waits.wait())
    await asyncio.wait((coming, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return not coming.done()


async def test_who_comes_meanwhile_waits_for_the_next_one_and_starts_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Paths.discover(os.environ)
    places.prepare()
    with _run("/bin/cat") as somebody:
        places.handover_file.write_text(str(somebody.pid))

        async def start(*_: object) -> RemoteService:
            raise DaemonError("started")

        monkeypatch.setattr(starting, "start", start)
        coming = asyncio.create_task(launcher.connect())
        assert await waits_for_a_handover(coming, monkeypatch)
        # Whoever saw to it has died over it.
        assert somebody.stdin is not None
        somebody.stdin.close()
        somebody.wait()
        with pytest.raises(DaemonError, match="started"):
            await coming
    assert not handover.is_under_way(places.handover_file)


async def test_who_would_start_none_hears_of_the_next_one_once_it_is_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Paths.discover(os.environ)
    places.prepare()
    with _run("/bin/cat") as somebody, ending(somebody):
        places.handover_file.write_text(str(somebody.pid))
        coming = asyncio.create_task(launcher.connect(start=False))
        assert await waits_for_a_handover(coming, monkeypatch)
        async with serving(FakeService(), places.socket):
            places.handover_file.unlink()
            async with await coming as service:
                assert (await service.status()).version == "fake"
    with pytest.raises(UnreachableError):
        await launcher.connect(start=False)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "9" * 30, "myself"])
def test_a_file_that_names_nobody_holds_nobody_up(tmp_path: Path, text: str) -> None:
    file = tmp_path / "handover"
    file.write_text(text.replace("myself", str(os.getpid())))
    assert not handover.is_under_way(file)


async def test_a_wait_goes_on_with_the_next_daemon(home: Path) -> None:
    async with an_older_daemon() as older:
        await older.hold(True)
        await older.add([DownloadRequest(url="http://127.0.0.1:9/a", directory="/tmp")])
        code = "from tui.cli.main import main; main()"
        waiting = _run(sys.executable, "-P", "-c", code, "wait", "--all")

        said = []

        def until_said(text: str) -> None:
            assert waiting.stderr is not None
            for line in waiting.stderr:
                said.append(line)
                if text in line:
                    return

        # Said once it follows.
        await asyncio.to_thread(until_said, "the queue is held")
        assert any("the daemon is winch 0.0.9" in line for line in said)
        async with await launcher.restart_daemon(lambda _: None) as newer:
            await asyncio.to_thread(until_said, "another one goes on")
            await newer.cancel(None)
            _, rest = await asyncio.to_thread(waiting.communicate)
        assert "was cancelled" in rest
