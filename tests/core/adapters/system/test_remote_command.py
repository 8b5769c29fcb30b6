"""A command that is done on another machine: what of it is told, and how it may end."""

from __future__ import annotations

import pytest

from core.adapters.system import remote_command
from core.domain.errors import HostError
from core.domain.machines import Host

Line = tuple[str, bool]


def machine(winch: str, login: str = ":") -> Host:
    """A machine that a shell here stands in for: what its login says, and its winch, a script."""
    return Host(
        name="box",
        ssh=("sh", "-c", f'{login}; eval "$1"', "sh"),
        winch=f"sh -c '{winch}' winch",
    )


async def run(host: Host, *, patience: float = 20.0) -> tuple[int, list[Line]]:
    lines: list[Line] = []
    status = await remote_command.run(
        host,
        ["daemon", "a b"],
        lambda line, is_error: lines.append((line, is_error)),
        interactive=False,
        patience=patience,
    )
    return status, lines


async def test_lines_and_status_are_those_of_the_command_and_not_of_the_login() -> None:
    talkative = "echo Welcome; printf motd; echo careful >&2"
    host = machine('echo "$1|$2"; echo "winch: no" >&2; printf rest; exit 3', talkative)
    status, lines = await run(host)
    assert status == 3
    assert sorted(lines) == [("daemon|a b", False), ("rest", False), ("winch: no", True)]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (machine("echo", "echo no route >&2; exit 255"), "cannot be reached: no route"),
        (machine("exit 255"), "connection to box was lost; what was begun there goes on"),
        (machine("kill -9 $$"), "connection to box was lost"),
        (Host(name="box", ssh=machine("").ssh, winch="no-such-winch"), "there is no winch on box"),
        (Host(name="box", ssh=("no-such-ssh",)), "cannot be reached: no-such-ssh"),
    ],
)
async def test_what_is_not_the_end_of_the_command_is_an_error_of_the_machine(
    host: Host, said: str
) -> None:
    with pytest.raises(HostError, match=said) as caught:
        await run(host)
    assert caught.value.hint


async def test_a_machine_that_does_not_answer_and_a_command_that_does_not_end_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(HostError, match=r"box has not answered for 0\.2 s"):
        await run(machine("echo", "yes"), patience=0.2)
    monkeypatch.setattr(remote_command, "LONGEST", 0.2)
    with pytest.raises(HostError, match=r"`winch daemon 'a b'` has not ended on box within 0\.2 s"):
        await run(machine("exec sleep 600"))


async def test_of_what_never_stops_only_so_much_is_told() -> None:
    flood = "head -c 3000000 /dev/zero; echo; seq 200000; seq 200000 >&2; exit 1"
    status, lines = await run(machine(flood))
    assert status == 1
    for wanted in (True, False):
        told = [line for line, is_error in lines if is_error is wanted]
        assert 0 < sum(map(len, told)) <= 256 * 1024
