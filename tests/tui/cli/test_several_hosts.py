"""Several machines at once: how many are asked at a time, and what their answers become."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import HostError, UnknownIdError, UsageError, WinchError
from core.domain.machines import Host
from core.domain.service import DownloadService
from tests.fakes import FakeService
from tui.cli import hosts, several_hosts
from tui.cli.several_hosts import on_several
from tui.cli.terminal import out, say
from tui.input.commands import COMMANDS

HOSTS = [Host(name=f"h{number}", ssh=("false",)) for number in range(50)]
Said = pytest.CaptureFixture[str]


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Links that take a turn of the loop each; holds how many were open at a time."""
    open_now: set[str] = set()
    counts: list[int] = []

    class FakeLink:
        def __init__(self, host: Host, *, patience: float, start: bool) -> None:
            assert patience <= 5
            self._name = host.name

        async def service(self) -> DownloadService:
            open_now.add(self._name)
            counts.append(len(open_now))
            # Those that are asked first answer last.
            for _ in range(60 - int(self._name[1:])):
                await asyncio.sleep(0)
            return FakeService()

        async def close(self) -> None:
            open_now.discard(self._name)

    monkeypatch.setattr(several_hosts, "Link", FakeLink)
    return counts


def ask(
    handler: Callable[[argparse.Namespace], Any], hosts: list[Host] = HOSTS, **args: Any
) -> int:
    return on_several(hosts, argparse.Namespace(**({"command": "ls"} | args)), handler)


def test_some_are_asked_at_a_time_and_all_answer_in_their_order(
    links: list[int], capsys: Said
) -> None:
    numbers = iter(range(50))

    async def handler(_: argparse.Namespace) -> int:
        out(f"answer {next(numbers)}")
        return 0

    assert ask(handler) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [host.name for host in HOSTS]
    assert 1 < max(links) <= 16


def test_one_that_hangs_once_it_is_reached_holds_up_no_other_for_long(
    links: list[int], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    async def hang(_: FakeService) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(several_hosts, "PATIENCE", 0.01)
    monkeypatch.setattr(FakeService, "machine", hang)
    assert ask(lambda _: 0, HOSTS[:1]) == 6
    assert capsys.readouterr().err.startswith("winch: h0 has not answered for 0.01 s; ")


def failing(errors: dict[int, WinchError]) -> Callable[[argparse.Namespace], int]:
    numbers = iter(range(50))

    def handler(_: argparse.Namespace) -> int:
        if (error := errors.get(next(numbers))) is not None:
            raise error
        return 0

    return handler


@pytest.mark.usefixtures("links")
def test_the_first_that_failed_says_how_it_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    # One after the other, so that it is known whose error is whose.
    monkeypatch.setattr(several_hosts, "_AT_ONCE", 1)
    lost = HostError("h1 cannot be reached: \x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}", hint="look")
    assert ask(failing({1: lost, 2: UsageError("no")}), HOSTS[:3]) == 6
    said = capsys.readouterr().err
    assert said.splitlines()[0].startswith("winch: h1 cannot be reached: ")
    assert said.splitlines()[1] == "winch: h2: no"
    assert not {"\x1b", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(said)
    unknown = UnknownIdError("no download has the id 'f'")
    assert ask(failing({0: unknown, 2: unknown}), HOSTS[:3]) == 0
    assert capsys.readouterr().err == ""
    assert ask(failing(dict.fromkeys(range(3), unknown)), HOSTS[:3]) == 2
    assert capsys.readouterr().err == "winch: no download has the id 'f'\n"
    assert ask(failing({0: ZeroDivisionError("odd")}), HOSTS[:2]) == 1  # type: ignore[dict-item]
    assert capsys.readouterr().err == (
        "winch: h0: unexpected ZeroDivisionError: odd; run it again with --debug to see where\n"
    )


@pytest.mark.usefixtures("links")
def test_what_is_foreign_moves_no_cursor_and_long_names_are_cut(capsys: Said) -> None:
    hosts = [Host(name="h" + "1" * 100, ssh=("false",)), HOSTS[0]]

    async def handler(_: argparse.Namespace) -> int:
        out("\x1b]0;x\x07\x9b2J\N{RIGHT-TO-LEFT OVERRIDE}", "second")
        say("\x1b[2J said")
        return 0

    assert ask(handler, hosts, patience=5) == 0
    said = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b", "\N{RIGHT-TO-LEFT OVERRIDE}"} & set(said.out + said.err)
    assert {line.index("second") for line in said.out.splitlines() if "second" in line} == {26}


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize(
    ("printed", "merged"),
    [
        (["[]", "[]"], "[]\n"),
        (
            ['[{"a": 1}, {"host": "x"}]', "[]"],
            '[{"host": "h0", "a": 1}, {"host": "h0", "server": "x"}]\n',
        ),
        (['{\n "a": 1\n}', '{"a": 2}\n{"a": 3}'], None),
    ],
)
def test_arrays_become_one_and_objects_a_line_each(
    printed: list[str],
    merged: str | None,
    capsys: Said,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(several_hosts, "_AT_ONCE", 1)
    texts = iter(printed)

    async def handler(_: argparse.Namespace) -> int:
        out(next(texts))
        return 0

    assert ask(handler, HOSTS[:2], json=True) == 0
    said = capsys.readouterr().out
    if merged is not None:
        assert said == merged
        return
    records = [json.loads(line) for line in said.splitlines()]
    assert [(record["host"], record["a"]) for record in records] == [
        ("h0", 1),
        ("h1", 2),
        ("h1", 3),
    ]


_JSON = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)


@given(st.lists(_JSON | st.lists(_JSON, max_size=3), max_size=5), st.sampled_from(["\n", "", " "]))
def test_values_that_stand_behind_each_other_are_told_apart(values: list[Any], gap: str) -> None:
    assert several_hosts._values(gap.join(map(json.dumps, values))) == values
    # What a lost connection has cut off is no value.
    assert several_hosts._values(gap.join([*map(json.dumps, values), '[{"a": '])) == values


def test_only_commands_that_there_are_may_be_asked_from_afar() -> None:
    assert set(COMMANDS) >= hosts._FROM_AFAR >= hosts._ONE_AT_A_TIME | hosts._WITH_PATHS
    # These are about the machine on which they run.
    assert not {"config", "doctor", "demo", "rpc-stdio", "completions"} & hosts._FROM_AFAR
