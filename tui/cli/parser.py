"""From the words that a person types to the command and its options, and `--help`.

One argparse parser per command instead of subparsers: only the one that is asked for gets built,
and options may stand between the positional arguments (`winch get URL -d DIR URL`), which argparse
does not allow with subparsers.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from functools import cache
from typing import NoReturn

from core.domain.errors import UsageError
from core.domain.version import VERSION
from tui.input.commands import COMMANDS, Command


class _Parser(argparse.ArgumentParser):
    """argparse with one line on stderr, like every other error of winch."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see '{self.prog} --help'")


def _screen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("urls", nargs="*", metavar="URL", help="added before the screen opens")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    version, text = f"winch {VERSION}", "print the version and leave"
    parser.add_argument("--version", action="version", version=version, help=text)


_WIDEST = max(map(len, COMMANDS))
_OVERVIEW = "\n".join(
    [
        "commands (each has its own --help):",
        *(f"  {name:<{_WIDEST}} {command.summary}" for name, command in COMMANDS.items()),
        "",
        "examples:",
        "  winch https://example.org/disk.iso      open the screen with this download",
        "  winch get https://example.org/disk.iso  download it here and now",
        "  winch -H me@server ls                   what another machine downloads, by ssh",
        "  winch demo                              see it at work without a network",
        "",
        "exit codes:",
        "  0 done  2 usage  3 not found  6 network  7 unfinished  8 cannot resume  9 disk",
        "  13 exists  22 HTTP  24 authorization  32 checksum  1 anything else  128+N signal",
    ]
)

_HOST = (
    "the daemon of that machine, by ssh: what ssh takes, or a name of [hosts] in config.toml; a,b:"
    " of several; all: of all in config.toml"
)

SCREEN = Command("", "screen:run", _screen)


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command that was asked for and its options.

    No command opens the screen. Raises UsageError; `--help` and `--version` print and leave with
    SystemExit.
    """
    words = list(argv)
    debug, host = False, None
    while words:
        if words[0] == "--debug":
            debug = True
            del words[0]
        elif (found := _host(words)) is not None:
            host = found
        else:
            break
    name = words[0] if words and words[0] in COMMANDS else None
    command = COMMANDS[name] if name is not None else SCREEN
    parser = _build(name)
    if name is None and words and not words[0].startswith("-") and "://" not in words[0]:
        raise _unknown_command(words[0])
    args = parser.parse_intermixed_args(words[1:] if name is not None else words)
    args.command = name
    args.debug = args.debug or debug
    args.host = host if args.host is None else args.host
    return command, args


def _host(words: list[str]) -> str | None:
    """Take the machine off the words that begin with it, and return it; None where none do."""
    for option in ("-H", "--host"):
        if words[0] == option:
            if len(words) == 1:
                raise UsageError(f"argument {option}: expected a host", hint="see 'winch --help'")
            host = words[1]
            del words[:2]
            return host
    for begin in ("--host=", "-H"):
        if words[0].startswith(begin):
            return words.pop(0).removeprefix(begin)
    return None


@cache
def _build(name: str | None) -> argparse.ArgumentParser:
    """Return the parser of a command, that of the screen for None; made once in the daemon."""
    command = SCREEN if name is None else COMMANDS[name]
    examples = "\n".join(["examples:", *(f"  {line}" for line in command.examples)])
    parser = _Parser(
        prog=f"winch {name}" if name else "winch",
        usage=None
        if name
        else "winch [-H HOST] [--no-mouse] [URL ...]\n       winch [-H HOST] COMMAND ...",
        description=f"{command.summary[0].upper()}{command.summary[1:]}."
        if name
        else "A keyboard-driven download manager for the terminal.",
        epilog=_OVERVIEW if name is None else examples if command.examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.declare(parser)
    parser.add_argument("-H", "--host", metavar="HOST", help=_HOST)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def _unknown_command(word: str) -> UsageError:
    if close := difflib.get_close_matches(word, COMMANDS, n=1):
        hint = f"did you mean 'winch {close[0]}'?"
    elif "." in word or "/" in word:
        hint = f"write the URL in full: https://{word}"
    else:
        hint = "see 'winch --help'"
    return UsageError(f"'{word}' is neither a command nor a URL", hint=hint)
