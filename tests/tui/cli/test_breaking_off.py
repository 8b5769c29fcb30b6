"""A short command whose daemon, reader or person leaves in the middle of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.version import PROTOCOL
from core.rpc.client import connection_lost, not_answering
from tests.tui.cli.conftest import COMMAND, Winch
from tests.unix import in_its_place, short_directory
from tui.text.fmt import sentence

ROOT = Path(__file__).parents[3]
HELLO = b'{"hello":{"protocol":%d,"server":"winch/test"}}\n' % PROTOCOL
IMPATIENT = (
    "from core import short_call; short_call.PATIENCE = 0.2\nfrom tui.cli.main import main; main()"
)


@pytest.fixture
def home() -> Iterator[Path]:
    with short_directory() as directory:
        (directory / "run").mkdir(mode=0o700)
        yield directory


def socket_in(home: Path) -> Path:
    return home / "run" / "winch.sock"


async def start(home: Path, *words: str, code: str = COMMAND[-1]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*COMMAND[:2], "-c", code, *words),
        env=os.environ | {"WINCH_HOME": str(home)},
        cwd=ROOT,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def ask(home: Path, *words: str, code: str = COMMAND[-1]) -> tuple[int | None, bytes, bytes]:
    process = await start(home, *words, code=code)
    out, err = await process.communicate()
    return process.returncode, out, err


async def test_a_daemon_that_dies_is_told_of_and_its_half_of_an_answer_is_not(home: Path) -> None:
    said = f"winch: {sentence(connection_lost(), brackets=False)}\n"
    async with in_its_place(socket_in(home), HELLO, b'{"id":1,"stdout":"half"}\n'):
        assert await ask(home, "add", "http://127.0.0.1:1/x") == (1, b"", said.encode())


async def test_a_daemon_that_hangs_is_told_of(home: Path) -> None:
    said = f"winch: {sentence(not_answering(), brackets=False)}\n"
    async with in_its_place(socket_in(home), stays=True):
        assert await ask(home, "ls", code=IMPATIENT) == (1, b"", said.encode())


async def test_a_failure_of_the_daemon_is_told_in_its_words(home: Path) -> None:
    error = b'{"id":1,"error":{"code":"internal","message":"a\\u001b","hint":"b"}}\n'
    async with in_its_place(socket_in(home), HELLO, error):
        assert await ask(home, "ls") == (1, b"", "winch: a�; b\n".encode())


async def test_a_daemon_of_another_version_is_told_of_as_ever(home: Path) -> None:
    answer = b'{"hello":{"protocol":99,"server":"winch/3.0"}}\n'
    async with in_its_place(socket_in(home), answer):
        status, _, err = await ask(home, "ls")
    assert status == 1
    assert b"the running daemon is winch 3.0" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_wait(home: Path, number: signal.Signals) -> None:
    half = b'{"id":1,"stdout":"half"}\n'
    async with in_its_place(socket_in(home), HELLO, half, stays=True) as heard:
        process = await start(home, "ls")
        await heard.get()
        process.send_signal(number)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 128 + number


async def test_a_signal_that_is_ignored_stays_ignored(home: Path) -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "import core.short_call as short\n"
        "call = short.call\n"
        "short.call = lambda *a: (os.kill(os.getpid(), signal.SIGTERM), call(*a))[1]\n"
        "from tui.cli.main import main; main()"
    )
    answer = b'{"id":1,"stdout":"all"}\n{"id":1,"result":{"status":0}}\n'
    async with in_its_place(socket_in(home), HELLO, answer):
        assert await ask(home, "ls", code=code) == (0, b"all", b"")


def test_a_reader_that_leaves_is_no_error(winch: Winch) -> None:
    winch("add", "--paused", "http://127.0.0.1:1/x")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*COMMAND, "ls"], env=winch.env, stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_told(winch: Winch) -> None:
    winch("add", "--paused", "http://127.0.0.1:1/x")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "ls"], env=winch.env, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 9
    assert b"there is no room for the output" in done.stderr


def test_what_was_done_is_not_done_again_where_it_cannot_be_printed(winch: Winch) -> None:
    winch("daemon", "start")
    with Path("/dev/full").open("w") as full:
        subprocess.run(
            [*COMMAND, "add", "--paused", "http://127.0.0.1:1/x", "-o", "once"],
            env=winch.env,
            stdout=full,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    assert [record["name"] for record in winch.json("ls")] == ["once"]
