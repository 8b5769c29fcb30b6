"""Asking the daemon for a whole command: what comes back, and when it may be done again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import short_call
from core.adapters.system.paths import Paths
from core.domain.errors import UnknownIdError
from core.domain.service import DownloadService
from core.domain.version import PROTOCOL, VERSION
from core.rpc.command import CommandCall, Write
from core.short_call import Answer, FailedError, LostError, SilentError
from tests.fakes import FakeService
from tests.unix import RawClient, in_its_place, serving, short_directory, until
from tui.cli.portions import PORTION, portions
from tui.input.caller import CALLER, Caller

ROOT = Path(__file__).parents[2]
HELLO = b'{"hello":{"protocol":%d,"server":"winch/test"}}\n' % PROTOCOL


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the daemon of this process would listen."""
    monkeypatch.setattr(short_call, "PATIENCE", 0.5)
    with short_directory() as home:
        monkeypatch.setenv("WINCH_HOME", str(home))
        (home / "run").mkdir()
        yield home / "run" / "winch.sock"


async def ask(*words: str, columns: int | None = None) -> Answer | None:
    return await asyncio.to_thread(short_call.call, list(words), columns)


class TestAnswer:
    async def test_what_is_said_comes_in_its_order(self, path: Path) -> None:
        lines = (
            b'{"id":1,"stdout":"a\\n\\u6f22"}\n{"id":1,"std',
            b'err":"b"}\n{"id":1,"stdout":"c',
            b'"}\n{"id":1,"result":{"status":3}}\n',
        )
        async with in_its_place(path, HELLO, *lines):
            answer = await ask("ls")
        assert answer is not None
        assert answer.said == [(False, "a\n漢"), (True, "b"), (False, "c")]
        assert answer.status == 3

    async def test_hello_and_command_go_out_at_once(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WINCH_LIMITS_RATE", 'o"ff\\')
        async with in_its_place(path, HELLO, b'{"id":1,"result":{"status":0}}\n') as heard:
            await ask("ls", '"\\\n漢\x00', columns=80)
        hello, line = (await heard.get()).splitlines()
        assert msgspec.json.decode(hello)["hello"]["protocol"] == PROTOCOL
        request = msgspec.json.decode(line)
        call = msgspec.convert(request["params"], CommandCall)
        assert request["method"] == "command"
        assert call.version == VERSION
        assert call.words == ("ls", '"\\\n漢\x00')
        assert call.directory == os.getcwd()  # noqa: PTH109
        assert call.environment["WINCH_LIMITS_RATE"] == 'o"ff\\'
        assert call.surroundings == short_call.surroundings()
        assert call.columns == 80

    @pytest.mark.parametrize(
        "answers",
        [
            (),
            (b'{"hello":{"protocol":%d,"server":"winch/9"}}\n' % (PROTOCOL + 1),),
            (HELLO[:-2] + b',"error":{"code":"rpc","message":"m","hint":""}}\n',),
            (b"HTTP/1.1 400 Bad Request\n",),
            (b"[]\n",),
            (b'{"hello":7}\n',),
            (HELLO, b'{"id":1,"error":{"code":"rpc","message":"no such method"}}\n'),
            (HELLO, b'{"id":1,"result":{"status":null}}\n'),
        ],
    )
    async def test_where_nothing_was_done_it_can_be_done_here(
        self, path: Path, answers: tuple[bytes, ...]
    ) -> None:
        async with in_its_place(path, *answers):
            assert await ask("ls") is None

    @pytest.mark.parametrize(
        "answers",
        [
            (HELLO,),
            (HELLO, b'{"id":1,"stdout":"half of it"}\n'),
            (HELLO, b'{"id":1,"result":{"stat'),
            (HELLO, b"nonsense\n"),
            (HELLO, b"\xff\n"),
            (HELLO, b"7\n"),
            (HELLO, b'{"id":1,"result":7}\n'),
            (HELLO, b'{"id":1,"error":7}\n'),
            (HELLO, b'{"id":1,"stdout":7}\n'),
        ],
    )
    async def test_where_something_may_have_been_done_it_is_not_done_again(
        self, path: Path, answers: tuple[bytes, ...]
    ) -> None:
        async with in_its_place(path, *answers):
            with pytest.raises(LostError):
                await ask("ls")

    async def test_a_failure_of_the_daemon_is_told(self, path: Path) -> None:
        error = b'{"id":1,"error":{"code":"internal","message":"m","hint":"h"}}\n'
        async with in_its_place(path, HELLO, error):
            with pytest.raises(FailedError) as caught:
                await ask("ls")
        assert caught.value.args == ("internal", "m", "h")

    @pytest.mark.parametrize("answers", [(), (HELLO,)])
    async def test_a_daemon_that_hangs_is_not_waited_for(
        self, path: Path, answers: tuple[bytes, ...]
    ) -> None:
        async with in_its_place(path, *answers, stays=True, once=True):
            with pytest.raises(SilentError):
                await ask("ls")

    async def test_a_daemon_that_takes_its_time_is_waited_for(self, path: Path) -> None:
        go_on = asyncio.Event()

        async def slow(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            await go_on.wait()
            return 4

        async with serving(FakeService(), path, commands=slow) as server:
            asked = asyncio.create_task(ask("ls"))
            # It asks by another connection.
            await until(lambda: server.client_count == 2)
            go_on.set()
            answer = await asked
        assert answer is not None
        assert answer.status == 4


class TestPlace:
    async def test_without_a_daemon_nothing_is_asked(self, path: Path) -> None:
        assert await ask("ls") is None

    @pytest.mark.parametrize("words", [["\udcff"], ["x" * 100_000]])
    async def test_what_cannot_be_sent_is_not(self, path: Path, words: list[str]) -> None:
        async with in_its_place(path, HELLO, stays=True) as heard:
            assert await ask("ls", *words) is None
        assert heard.empty()

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                name: st.sampled_from(["", "/", "/x", "x", "~/x", "~", "/x//y/", "/a/../b", " /x"])
                for name in ("WINCH_HOME", "XDG_STATE_HOME", "HOME", "XDG_CONFIG_HOME")
            },
        )
    )
    def test_it_is_where_the_daemon_listens(
        self, monkeypatch: pytest.MonkeyPatch, env: dict[str, str]
    ) -> None:
        with monkeypatch.context() as patch:
            for name in ("WINCH_HOME", "XDG_STATE_HOME", "HOME", "XDG_CONFIG_HOME"):
                patch.delenv(name, raising=False)
            for name, value in env.items():
                patch.setenv(name, value)
            found = short_call.socket_path()
            if found is not None:
                assert Path(found.replace("//", "/")) == Paths.discover(os.environ).socket
            elif env.get("HOME", "").startswith("/") and not env.get("WINCH_HOME"):
                assert sys.platform not in ("linux", "darwin")

    async def test_another_users_daemon_is_not_asked(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with in_its_place(path, HELLO, stays=True) as heard:
            monkeypatch.setattr(os, "geteuid", lambda: 12345)
            assert await ask("ls") is None
            assert await heard.get() == b""


class TestServer:
    """What the daemon's side makes of such a call."""

    CALL = (
        b'{"id":1,"method":"command","params":{"version":"1","words":["ls"],"directory":"/",'
        b'"environment":{},"surroundings":{},"columns":null}}'
    )

    async def test_without_commands_there_is_no_such_method(self, path: Path) -> None:
        async with serving(FakeService(), path), RawClient.open(path) as client:
            answer = await client.ask(self.CALL)
            assert answer["error"]["code"] == "rpc"
            assert "no method 'command'" in answer["error"]["message"]

    @pytest.mark.parametrize(
        "line",
        [
            b'{"id":1,"method":"command"}',
            b'{"id":1,"method":"command","params":{"version":1}}',
            CALL.replace(b'"columns"', b'"rows"'),
            CALL.replace(b'["ls"]', b'["\\udcff"]'),
            CALL.replace(b'"ls"', b'"%s"' % (b"x" * 300_000)),
        ],
    )
    async def test_what_makes_no_sense_is_refused_before_anything_is_done(
        self, path: Path, line: bytes
    ) -> None:
        async def never(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            raise AssertionError

        async with serving(FakeService(), path, commands=never), RawClient.open(path) as client:
            assert (await client.ask(line))["error"]["code"] == "rpc"
            await client.status()

    async def test_a_command_that_fails_is_told_as_such(self, path: Path) -> None:
        async def broken(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            raise ZeroDivisionError

        async with serving(FakeService(), path, commands=broken), RawClient.open(path) as client:
            assert (await client.ask(self.CALL))["error"]["code"] == "internal"

    async def test_its_service_keeps_to_the_words_of_the_socket(self, path: Path) -> None:
        caught: list[Exception] = []

        async def asks(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            attempts: list[Callable[[], object]] = [
                lambda: service.find("zzz"),
                lambda: service.find("x" * 100_000),
                lambda: service.find("\udcff"),
            ]
            for attempt in attempts:
                try:
                    await attempt()  # type: ignore[misc]
                except Exception as error:
                    caught.append(error)
            assert await service.downloads() == []
            await write("漢", True)
            return 5

        async with serving(FakeService(), path, commands=asks), RawClient.open(path) as client:
            assert await client.ask(self.CALL) == {"id": 1, "stderr": "漢"}
            assert await client.receive() == {"id": 1, "result": {"status": 5}}
        assert isinstance(caught[0], UnknownIdError)
        assert "too long" in str(caught[1])
        assert "UTF-8" in str(caught[2])

    async def test_who_has_left_has_nothing_more_done(self, path: Path) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def asks(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            try:
                while True:
                    await service.status()
                    begun.set()
            finally:
                ended.set()

        async with serving(FakeService(), path, commands=asks):
            async with RawClient.open(path) as client:
                client.send(self.CALL)
                await begun.wait()
            await ended.wait()

    async def test_who_has_left_is_told_nothing_more(self, path: Path) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def tells(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            try:
                for _ in range(200):
                    await write("x" * 100_000, False)
                    begun.set()
                    await asyncio.sleep(0)
                raise AssertionError
            except asyncio.CancelledError:
                ended.set()
                raise
            finally:
                begun.set()

        async with serving(FakeService(), path, commands=tells):
            async with RawClient.open(path) as client:
                client.send(self.CALL)
                await begun.wait()
            async with asyncio.timeout(10):
                await ended.wait()

    async def test_who_has_left_is_noticed_before_anything_is_printed(self, path: Path) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def sorts(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            caller = Caller(
                service=service, write=write, directory="/", environment={}, columns=None
            )
            CALLER.set(caller)
            try:
                while True:
                    async for _ in portions(range(2 * PORTION)):
                        begun.set()
            finally:
                ended.set()

        async with serving(FakeService(), path, commands=sorts):
            async with RawClient.open(path) as client:
                client.send(self.CALL)
                await begun.wait()
            async with asyncio.timeout(10):
                await ended.wait()

    async def test_those_of_one_connection_are_done_one_after_the_other(self, path: Path) -> None:
        running, most, may_end = 0, 0, asyncio.Event()

        async def counted(call: CommandCall, service: DownloadService, write: Write) -> int | None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await may_end.wait()
            running -= 1
            return 0

        async with serving(FakeService(), path, commands=counted), RawClient.open(path) as client:
            for _ in range(5):
                client.send(self.CALL)
            await until(lambda: running > 0)
            # What is short is answered meanwhile.
            client.send(b'{"id":2,"method":"status"}')
            assert (await client.receive())["id"] == 2
            may_end.set()
            for _ in range(5):
                assert (await client.receive())["result"] == {"status": 0}
        assert most == 1


def test_it_loads_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from core import short_call; short_call.call(['ls'], None)\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "WINCH_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    own = {"core", "core.domain", "core.domain.version", "core.short_call"}
    assert set(done.stdout.split()) - own <= {"_json", "_socket"}
