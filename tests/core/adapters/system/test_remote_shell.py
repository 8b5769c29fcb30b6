"""How another machine is reached, and why it is not: with a shell here in ssh's place."""

from __future__ import annotations

import gc
import os
import signal
import sys

import pytest

from core.adapters.system.remote_shell import RemoteShell, command_line
from core.domain.errors import HostError
from core.domain.machines import Host

SSH = Host(name="server", ssh=("/usr/bin/ssh", "-p", "2222", "me@server"))


def test_ssh_gets_one_word_for_the_shell_there_and_asks_nothing_unless_it_may() -> None:
    command = "exec sh -c 'PATH=\"$PATH:$HOME/.local/bin\"; exec winch rpc-stdio'"
    winch = "exec winch rpc-stdio"
    assert command_line(SSH, winch, interactive=True) == [
        *("/usr/bin/ssh", "-T", "-p", "2222", "me@server", command)
    ]
    assert command_line(SSH, winch, interactive=False, patience=5)[:6] == [
        *("/usr/bin/ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5")
    ]
    other = Host(name="box", ssh=("incus", "exec", "box", "--"))
    assert command_line(other, winch, interactive=False) == [*other.ssh, command]


def shell(script: str) -> Host:
    return Host(name="server", ssh=("sh", "-c", f'{script}; exit "$?"', "sh"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 127", "there is no winch on server"),
        ("echo 'sh: 1: winch: not found' >&2; exit 127", "winch: not found"),
        (
            "echo 'ssh: connect to host server port 22: No route to host' >&2; exit 255",
            "server cannot be reached: ssh: connect to host server port 22: No route to host",
        ),
        ("exit 255", "ended (status 255)"),
        ("kill -9 $$", "ended (SIGKILL)"),
        (
            "printf '@ REMOTE HOST IDENTIFICATION HAS CHANGED! @\n\nNo.\n' >&2; exit 255",
            "another host key than the one that is known",
        ),
        ("echo 'Host key verification failed.' >&2; exit 255", "its host key is not known yet"),
        ("echo 'me@server: Permission denied (publickey).' >&2; exit 255", "does not let us in"),
        ("head -c 5000000 /dev/zero >&2; exit 3", "server cannot be reached"),
    ],
)
async def test_why_it_ended_is_told_in_a_sentence(script: str, said: str) -> None:
    line = await RemoteShell.open(shell(script), interactive=False)
    assert await line.reader.read() == b""
    error = await line.why()
    assert error is not None
    assert said in error.message
    assert len(error.message) < 500
    assert error.hint
    await line.close()


async def test_a_program_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(HostError, match="No such file or directory"):
        await RemoteShell.open(Host(name="x", ssh=("no-such-ssh", "x")), interactive=False)


async def test_one_that_runs_carries_bytes_and_ends_when_it_is_left() -> None:
    echo = Host(name="echo", ssh=(sys.executable, "-c", "import os; os.execvp('cat', ['cat'])"))
    line = await RemoteShell.open(echo, interactive=False)
    line.writer.write(b"hello\n")
    assert await line.reader.readline() == b"hello\n"
    assert await line.why() is None
    await line.close()
    await line.close()
    assert await line.why() is not None


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.filterwarnings("error")
async def test_what_it_leaves_behind_holds_up_nobody(interactive: bool) -> None:
    # A program in the background that holds all three, as a ControlMaster does with stderr.
    line = await RemoteShell.open(
        shell("(trap '' TERM; while :; do sleep 0.1; done) & echo $! >&1; wait"),
        interactive=interactive,
    )
    left = int(await line.reader.readline())
    await line.close()
    await line.close()
    gc.collect()
    os.kill(left, signal.SIGKILL)
