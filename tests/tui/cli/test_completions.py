"""Completion in shells: what a begun word may become, and that no name becomes a command."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import launcher
from core.domain.errors import HostError
from core.domain.models import DownloadRequest
from tests.fakes import FakeService
from tests.tui.cli.conftest import MAIN, Winch
from tests.warm import warm_python
from tui.cli.candidates import candidates
from tui.cli.completions import split

HOSTILE = ["$(id)", "`id`", "--files", "a;b", "two words", "a\nb", "\x1b[2J", "~root", "a'b"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which two machines have names, and ssh knows some more."""
    (tmp_path / "winch").mkdir(mode=0o700)
    (tmp_path / "winch/config.toml").write_text('[hosts.alpha]\n[hosts."al.b"]\n')
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(
        "Host *\n  User me\nHost gate web-? !no -oX $(id)  # comment\nhost = db\nHostName x\n"
    )
    monkeypatch.setenv("WINCH_HOME", str(tmp_path / "winch"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, object]]:
    """The daemon is one in memory with hostile names; holds what was asked of the launcher."""
    (tmp_path / "data").mkdir()
    for name in ("sub", "sun", "x;y"):
        (tmp_path / "data" / name).mkdir()
    calls: list[dict[str, object]] = []

    class Connected(FakeService):
        async def __aenter__(self) -> Connected:
            names = ["a.iso", *HOSTILE]
            await self.add(
                [DownloadRequest(url=f"http://h/{n}", directory="/d", name=n) for n in names]
            )
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

    async def connect(**options: object) -> Connected:
        calls.append(options)
        service = Connected()
        service.directory = str(tmp_path / "data")
        return service

    monkeypatch.setattr(launcher, "connect", connect)
    return calls


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("hist", ["history"]),
        ("--h", ["--host"]),
        ("ls --st", ["--status"]),
        ("ls --status comp", ["completed"]),
        ("ls --status completed --rev", ["--reverse"]),
        ("daemon sta", ["start", "status"]),
        ("-H alpha ls --so", ["--sort"]),
        ("-H al", ["all", "alpha", "al.b"]),
        ("ls -H alpha,", ["alpha,al.b", "alpha,gate", "alpha,db"]),
        ("--host=ga", ["--host=gate"]),
        ("-Hd", ["-Hdb"]),
        ("nonsense x", []),
        ("show 3f 3", []),
    ],
)
def test_what_needs_no_service_is_offered_without_one(line: str, offered: list[str]) -> None:
    assert candidates(line.split(" ")) == offered


@pytest.mark.parametrize("line", ["add -i l", "-H alpha add --manifest S", "export q", "add -d x"])
def test_files_of_this_machine_are_for_the_shell(line: str) -> None:
    assert candidates(line.split(" ")) is None


def test_what_the_other_machine_has_is_asked_there(asked: list[dict[str, object]]) -> None:
    assert candidates(["-H", "alpha", "add", "-d", "su"]) == ["sub/", "sun/"]
    assert candidates(["-H", "alpha", "pause", "a"])[-1:] == ["a.iso"]  # type: ignore[index]
    assert all(options["host"].name == "alpha" for options in asked)  # type: ignore[attr-defined]
    assert all(options["interactive"] is False for options in asked)
    assert candidates(["pause", "a.i"]) == ["a.iso"]
    assert asked[-1]["host"] is None
    assert asked[-1]["start"] is False


@pytest.mark.usefixtures("asked")
def test_no_name_is_offered_that_a_shell_would_carry_out() -> None:
    for name in HOSTILE:
        found = candidates(["-H", "alpha", "pause", name[0]]) or []
        assert name not in found
    assert candidates(["-H", "alpha", "add", "-d", ""]) == ["sub/", "sun/"]


def test_what_cannot_be_asked_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(**_: object) -> None:
        raise HostError("no route")

    monkeypatch.setattr(launcher, "connect", connect)
    assert candidates(["-H", "alpha", "pause", ""]) == []
    assert candidates(["-H", "-oProxyCommand=id", "pause", ""]) == []


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6), max_size=4))
def test_a_line_falls_apart_as_in_a_shell(words: list[str]) -> None:
    assert split(shlex.join(["winch", *words]))[: len(words)] == (words or [""])[: len(words)]


def test_bash_completes_with_it(winch: Winch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/winch"
    program.write_text(f'#!/bin/sh\nexec {shlex.join((warm_python(), *MAIN))} "$@"\n')
    program.chmod(0o700)
    script = (
        'eval "$(winch completions bash)"; compopt() { printf "compopt %s %s\\n" "$@"; };'
        " complete -p winch;"
        'for line in "winch -H alph" "winch ls --stat" "winch add -i x" "winch --host=alph"; do'
        " COMP_LINE=$line COMP_POINT=${#line}; COMPREPLY=(); _winch;"
        ' printf "<%s>\\n" "${COMPREPLY[@]}"; done'
    )
    environment = winch.env | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "WINCH_HOME": str(tmp_path / "winch"),
    }
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "complete -F _winch winch",
        "<alpha>",
        "<--status>",
        "compopt -o default",
        "<>",
        "<alpha>",
    ]
