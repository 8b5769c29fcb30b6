"""Finding, starting, being and ending the daemon, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import daemon, launcher
from core.adapters.system.instance_lock import InstanceLock
from core.domain.errors import ConfigError, DaemonError, ErrorCode, LockedError, WinchError
from core.domain.events import Changed, Snapshot
from core.domain.models import DownloadRequest, Status, WaitReason
from core.domain.settings import DaemonSettings, Settings
from tests.unix import listening_as, short_directory, silent_server, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    with short_directory() as directory:
        monkeypatch.setenv("WINCH_HOME", str(directory))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        yield directory
        owner = InstanceLock(launcher.paths().lock_file).owner()
        if is_held() and owner is not None and owner.pid != os.getpid():
            os.kill(owner.pid, signal.SIGTERM)
            await until(lambda: not is_held())


def is_held() -> bool:
    return InstanceLock(launcher.paths().lock_file).is_held()


def request(name: str, *, paused: bool = True) -> DownloadRequest:
    return DownloadRequest(url=f"http://127.0.0.1:9/{name}", directory="/tmp", paused=paused)


class TestConnect:
    async def test_the_daemon_is_started_once(self, home: Path) -> None:
        async with await launcher.connect() as first, await launcher.connect() as second:
            pid = (await first.status()).pid
            assert pid != os.getpid()
            assert (await second.status()).pid == pid

    async def test_a_log_that_cannot_be_written_is_named(self, home: Path) -> None:
        log = launcher.paths().log_file
        launcher.paths().prepare()
        log.symlink_to(home / "elsewhere")
        with pytest.raises(DaemonError, match=f"{log} cannot be written: it is a link"):
            await launcher.connect()

    async def test_clients_that_come_at_once_share_one_daemon(self, home: Path) -> None:
        services = await asyncio.gather(*(launcher.connect() for _ in range(5)))
        pids = {(await service.status()).pid for service in services}
        assert len(pids) == 1
        for service in services:
            await service.close()

    async def test_without_start_none_is_started(self, home: Path) -> None:
        with pytest.raises(DaemonError, match="no daemon is running"):
            await launcher.connect(start=False)
        assert list(home.iterdir()) == []

    async def test_what_a_killed_daemon_left_behind_is_no_hindrance(self, home: Path) -> None:
        async with await launcher.connect() as service:
            await service.add([request("kept")])
            killed = (await service.status()).pid
            os.kill(killed, signal.SIGKILL)
            await until(lambda: not is_held())
        assert launcher.paths().socket.exists()
        async with await launcher.connect() as service:
            assert (await service.status()).pid != killed
            assert [view.download.name for view in await service.downloads()] == ["kept"]

    async def test_a_mistake_in_the_settings_is_told_as_such(self, home: Path) -> None:
        (home / "config.toml").write_text("[limits]\nactiv = 1\n")
        with pytest.raises(WinchError, match="no setting activ") as caught:
            await launcher.connect()
        assert caught.value.code is ErrorCode.CONFIG
        assert caught.value.hint == "did you mean active?"

    async def test_a_state_that_cannot_be_used_is_told_as_such(self, home: Path) -> None:
        (home / "state").mkdir(parents=True, mode=0o700)
        newer = '{"meta":{"1":{"schema":99}},"downloads":{}}'
        (home / "state" / "downloads.json").write_text(newer)
        with pytest.raises(WinchError) as caught:
            await launcher.connect()
        assert caught.value.code is ErrorCode.STATE

    async def test_a_relative_home_is_the_same_for_both(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(home.parent)
        monkeypatch.setenv("WINCH_HOME", home.name)
        async with await launcher.connect() as service:
            await service.status()
        assert (home / "state").is_dir()

    async def test_a_directory_called_core_is_not_taken_for_ours(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / "core").mkdir()
        (home / "core" / "daemon.py").write_text("raise SystemExit('wrong')")
        monkeypatch.chdir(home)
        async with await launcher.connect() as service:
            await service.status()

    async def test_a_daemon_of_another_version_is_not_talked_to(self, home: Path) -> None:
        launcher.paths().prepare()
        answer = b'{"hello":{"protocol":9,"server":"winch/3.0"}}\n'
        async with listening_as(launcher.paths().socket, answer):
            with pytest.raises(DaemonError, match=r"running daemon is winch 3\.0"):
                await launcher.connect()


class TestDaemon:
    async def test_its_files_are_its_owners_alone(self, home: Path) -> None:
        async with await launcher.connect() as service:
            await service.add([request("a")])
            files = [path for path in home.rglob("*") if not path.is_dir()]
            assert {"winch.log", "lock", "winch.sock"} <= {path.name for path in files}
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    async def test_its_log_gives_no_secret_away(self, home: Path) -> None:
        async with await launcher.connect() as service:
            await service.add(
                [
                    DownloadRequest(
                        url="http://me:hunter2@127.0.0.1:9/a?X-Amz-Signature=cafe",
                        directory="/tmp",
                        paused=True,
                    )
                ]
            )
        log = launcher.paths().log_file.read_text()
        assert "127.0.0.1:9/a" in log
        assert "hunter2" not in log
        assert "cafe" not in log

    async def test_it_survives_a_hangup_and_ends_cleanly_on_sigterm(self, home: Path) -> None:
        async with await launcher.connect() as service, service.subscribe() as events:
            await anext(events)
            pid = (await service.status()).pid
            os.kill(pid, signal.SIGHUP)
            await service.status()
            os.kill(pid, signal.SIGTERM)
            assert [event async for event in events] == []
        await until(lambda: not is_held())
        assert not launcher.paths().socket.exists()
        assert "winch ended" in launcher.paths().log_file.read_text()

    async def test_it_is_not_of_the_session_that_started_it(self, home: Path) -> None:
        async with await launcher.connect() as service:
            assert os.getsid((await service.status()).pid) != os.getsid(0)

    async def test_it_ends_when_nobody_is_there_and_nothing_is_left(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WINCH_DAEMON_LINGER", "0")
        async with await launcher.connect() as service:
            await service.add([request("a")])
            await service.status()
        await until(lambda: not is_held())

    async def test_it_stays_while_there_is_something_to_do(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WINCH_DAEMON_LINGER", "0")
        async with silent_server() as url:
            busy = DownloadRequest(url=f"{url}/a", directory=str(home))
            async with await launcher.connect() as service:
                (download,) = await service.add([busy])
                pid = (await service.status()).pid
            async with await launcher.connect(start=False) as service:
                assert (await service.status()).pid == pid
                await service.pause([download.id])
            await until(lambda: not is_held())

    async def test_a_client_can_stop_it(self, home: Path) -> None:
        service = await launcher.connect()
        assert await launcher.stop_daemon() is True
        assert not is_held()
        assert await launcher.stop_daemon() is False
        with pytest.raises(DaemonError, match="lost"):
            await service.status()
        await service.close()

    def test_a_second_one_says_in_a_line_who_is_there(self, home: Path) -> None:
        launcher.paths().prepare()
        with InstanceLock(launcher.paths().lock_file):
            done = subprocess.run(
                [sys.executable, "-P", "-m", "core.daemon"],
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert f"in use by process {os.getpid()}" in done.stderr


class TestLinger:
    """When the daemon ends by itself; engine and server are reduced to what is asked of them."""

    def parts(self, *, clients: int, work: bool) -> SimpleNamespace:
        engine = SimpleNamespace(is_busy=work, stop_requested=asyncio.Event())
        engine.on_work_change = lambda callback: setattr(engine, "changed", callback)
        server = SimpleNamespace(client_count=clients, on_clients_changed=None)
        return SimpleNamespace(engine=engine, server=server)

    async def begin(self, parts: SimpleNamespace, linger: float = 0.0) -> asyncio.Task[None]:
        parts.engine.settings = Settings(daemon=DaemonSettings(linger=linger))
        task = asyncio.create_task(daemon._until_idle(parts))  # type: ignore[arg-type]
        await self.turns()
        return task

    async def turns(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def test_how_long_it_lingers_is_what_is_set_when_the_last_client_leaves(self) -> None:
        parts = self.parts(clients=1, work=False)
        task = await self.begin(parts, linger=3600.0)
        parts.engine.settings = Settings(daemon=DaemonSettings(linger=0.0))
        parts.server.client_count = 0
        parts.server.on_clients_changed()
        await asyncio.wait_for(task, 10)

    async def test_work_keeps_it_after_the_last_client_has_left(self) -> None:
        parts = self.parts(clients=1, work=True)
        task = await self.begin(parts)
        parts.server.client_count = 0
        parts.server.on_clients_changed()
        await self.turns()
        assert not task.done()
        parts.engine.is_busy = False
        parts.engine.changed()
        await task

    async def test_a_client_keeps_it_without_work(self) -> None:
        parts = self.parts(clients=1, work=False)
        task = await self.begin(parts)
        assert not task.done()
        parts.server.client_count = 0
        parts.server.on_clients_changed()
        await task

    async def test_who_started_it_has_time_to_come(self) -> None:
        parts = self.parts(clients=0, work=False)
        task = await self.begin(parts)
        assert not task.done()
        parts.engine.stop_requested.set()
        await task

    async def test_being_asked_to_stop_goes_before_everything(self) -> None:
        parts = self.parts(clients=3, work=True)
        task = await self.begin(parts, linger=1e6)
        parts.engine.stop_requested.set()
        await task


class TestEmbedded:
    async def test_others_see_it_on_the_socket(self, home: Path) -> None:
        async with launcher.embedded() as here, await launcher.connect() as other:
            status = await other.status()
            assert status.embedded
            assert status.pid == os.getpid()
            assert status.clients == 1
            assert (await here.service.status()).clients == 1

    async def test_only_its_own_runs(self, home: Path) -> None:
        async with launcher.embedded() as here:
            (two,) = await here.service.add([request("two", paused=False)])
            async with here.service.subscribe() as events:
                (one,) = await here.add_own([request("one", paused=False)])
                async for event in events:
                    if not isinstance(event, Changed | Snapshot):
                        continue
                    moved = {d.id for d in event.downloads if d.wait_reason is WaitReason.RETRY}
                    if moved:
                        break
            assert moved == {one.id}
            held = (await here.service.find(two.id)).download
            assert held.status is Status.PENDING
            assert held.wait_reason is WaitReason.NOT_ADMITTED

    async def test_where_a_daemon_runs_it_is_refused(self, home: Path) -> None:
        async with await launcher.connect() as service:
            pid = (await service.status()).pid
            with pytest.raises(LockedError, match=f"process {pid}"):
                async with launcher.embedded():
                    pass
            assert (await service.status()).pid == pid

    async def test_it_can_be_asked_to_end_from_outside(self, home: Path) -> None:
        async with launcher.embedded() as here, await launcher.connect() as other:
            await other.shutdown()
            await here.stop_requested.wait()

    async def test_it_leaves_nothing_open(self, home: Path) -> None:
        async with launcher.embedded():
            pass
        assert not is_held()
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
            client.connect(str(launcher.paths().socket))


def test_settings_come_with_their_source(home: Path) -> None:
    (home / "config.toml").write_text("[limits]\nactive = 9\n")
    configuration = launcher.read_configuration()
    assert configuration.settings.limits.active == 9
    assert "active = 9  # config.toml" in configuration.to_toml()
    (home / "config.toml").write_text("nonsense")
    with pytest.raises(ConfigError):
        launcher.read_configuration()
