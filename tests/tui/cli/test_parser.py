"""Which words are commands, which are URLs, and what a mistake is told."""

from __future__ import annotations

import argparse
import importlib

import pytest

from core.domain.errors import UsageError
from tui.cli.parser import SCREEN, parse
from tui.input.commands import COMMANDS, Command


def test_no_word_opens_the_screen() -> None:
    command, args = parse([])
    assert command is SCREEN
    assert args.urls == []


def test_a_first_word_that_looks_like_a_url_opens_the_screen_with_it() -> None:
    command, args = parse(["http://get/", "http://b/"])
    assert command is SCREEN
    assert args.urls == ["http://get/", "http://b/"]


def test_options_may_stand_between_urls() -> None:
    command, args = parse(["get", "http://a/", "-d", "x", "http://b/", "-q"])
    assert command is COMMANDS["get"]
    assert (args.urls, args.directory, args.quiet) == (["http://a/", "http://b/"], "x", True)


def test_a_mistyped_command_is_told_what_was_meant() -> None:
    with pytest.raises(UsageError) as caught:
        parse(["puase", "3f"])
    assert caught.value.hint == "did you mean 'winch pause'?"


def test_a_url_without_its_scheme_is_told_how_to_write_it() -> None:
    with pytest.raises(UsageError) as caught:
        parse(["example.org/a.iso"])
    assert "https://example.org/a.iso" in caught.value.hint


@pytest.mark.parametrize(
    "argv",
    [
        ["-H", "me@server", "ls", "iso"],
        ["ls", "-H", "me@server", "iso"],
        ["--host=me@server", "ls", "iso"],
        ["-Hme@server", "--debug", "ls", "iso"],
        ["ls", "iso", "--host", "me@server"],
        ["-H", "other", "ls", "iso", "-H", "me@server"],
    ],
)
def test_the_machine_may_stand_before_and_after_the_command(argv: list[str]) -> None:
    command, args = parse(argv)
    assert command is COMMANDS["ls"]
    assert (args.host, args.filter) == ("me@server", ["iso"])


def test_without_a_machine_it_is_this_one() -> None:
    assert parse(["ls"])[1].host is None
    assert parse(["-H", "server"])[0] is SCREEN


@pytest.mark.parametrize(
    "argv",
    [
        ["--nonsense"],
        ["get", "--nonsense", "http://a/"],
        ["get", "--retries", "-1", "http://a/"],
        ["get", "--quie", "http://a/"],
        ["add", "--embedded", "http://a/"],
        ["add", "--priority", "high", "http://a/"],
        ["ls", "--status", "sleeping"],
        ["ls", "--extra"],
        ["show"],
        ["move", "3f"],
        ["move", "3f", "--top", "--bottom"],
        ["move", "3f", "--to", "0"],
        ["set", "3f", "-x", "-1"],
        ["set", "3f", "--priority", "high"],
        ["limit", "--active", "0"],
        ["limit", "2M", "3M"],
        ["daemon"],
        ["daemon", "dance"],
        ["config", "edit"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error_that_points_to_the_help(argv: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert "--help" in caught.value.hint


@pytest.mark.parametrize(("word", "expected"), [("--top", "top"), ("--down", "down")])
def test_a_move_goes_one_way(word: str, expected: object) -> None:
    assert parse(["move", "3f", word])[1].to == expected


def test_a_move_to_a_place_is_a_number() -> None:
    assert parse(["move", "3f", "--to", "7"])[1].to == 7


@pytest.mark.parametrize("argv", [["--debug", "ls"], ["ls", "--debug"]])
def test_debug_may_stand_before_or_after_the_command(argv: list[str]) -> None:
    assert parse(argv)[1].debug


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_every_command_explains_itself(
    name: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([name, "--help"] if name else ["--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert f"winch {name}" in shown if name else all(command in shown for command in COMMANDS)


@pytest.mark.parametrize("command", [SCREEN, *COMMANDS.values()], ids=["screen", *COMMANDS])
def test_every_command_has_its_code_and_a_word_on_each_option(command: Command) -> None:
    module, _, function = command.handler.partition(":")
    assert callable(getattr(importlib.import_module(f"tui.cli.{module}"), function))
    parser = argparse.ArgumentParser()
    command.declare(parser)
    assert all(action.help for action in parser._actions)
