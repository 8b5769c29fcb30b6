"""`winch rpc-stdio`: what a front end on another machine speaks with."""

from __future__ import annotations

import json

from core.domain.version import PROTOCOL
from tests.tui.cli.conftest import Winch

HELLO = f'{{"hello":{{"protocol":{PROTOCOL},"client":"test/1"}}}}\n'


def test_it_starts_a_daemon_and_carries_what_is_said(winch: Winch) -> None:
    ask = '{"id":1,"method":"status"}\n'
    result = winch("rpc-stdio", stdin=HELLO + ask)
    assert (result.returncode, result.stderr) == (0, "")
    greeting, answer = map(json.loads, result.stdout.splitlines())
    assert greeting["hello"]["protocol"] == PROTOCOL
    assert answer["result"]["pid"] == winch.json("daemon", "status")["pid"]


def test_what_keeps_the_daemon_from_starting_is_said_to_the_other_end(winch: Winch) -> None:
    winch.env["WINCH_LIMITS_ACTIVE"] = "none"
    result = winch("rpc-stdio", stdin=HELLO)
    del winch.env["WINCH_LIMITS_ACTIVE"]
    assert result.returncode != 0
    (refusal,) = map(json.loads, result.stdout.splitlines())
    assert refusal["hello"]["protocol"] == PROTOCOL
    assert refusal["error"]["message"] in result.stderr


def test_it_may_be_told_to_start_none(winch: Winch) -> None:
    result = winch("rpc-stdio", "--no-start", stdin=HELLO)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "winch: no daemon is running\n"


def test_a_person_who_types_it_is_told_what_it_is_for(winch: Winch) -> None:
    result = winch.answer(b"", "rpc-stdio")
    assert result.returncode == 2
    assert "what `winch -H HOST` runs on the other machine" in result.stderr
