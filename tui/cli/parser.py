"""Which commands and options there are, for the person who types them and for `--help`.

One argparse parser per command instead of subparsers: only the one that is asked for gets built,
and options may stand between the positional arguments (`winch get URL -d DIR URL`), which argparse
does not allow with subparsers.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from core.domain.errors import UsageError
from core.domain.models import Conflict, Status
from core.domain.version import VERSION


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its line in the overview, where its code is, and how its options are declared.

    `handler` is `module:function`, so that the module loads only when the command runs.
    """

    summary: str
    handler: str
    declare: Callable[[argparse.ArgumentParser], None]
    examples: tuple[str, ...] = ()


class _Parser(argparse.ArgumentParser):
    """argparse with one line on stderr, like every other error of winch."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"see '{self.prog} --help'")


class _Version(argparse.Action):
    """Print the version and leave."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and leave")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"winch {VERSION}")
        parser.exit()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


# argparse names the converter in its message: "invalid … value: 'x'".
_positive.__name__ = "number (1 or more)"
_count.__name__ = "count (0 or more)"


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")


def _request(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("urls", nargs="*", metavar="URL", help="what to download (http, https)")
    add("-d", "--directory", metavar="DIR", help="where the file goes (default: the setting)")
    add("-o", "--output", metavar="NAME", help="the file's name; with one URL only")
    add("-i", "--input", metavar="FILE", help="read URLs from a file, one per line; - is stdin")
    add("--checksum", metavar="ALG:HEX", help="what the whole file must have; with one URL only")
    add(
        "--conflict",
        metavar="RULE",
        choices=[rule.value for rule in Conflict],
        help="if the file exists: rename, skip, overwrite or fail (default: the setting)",
    )
    add("--retries", metavar="N", type=_count, help="how often to try again (default: the setting)")
    add("--no-restart", action="store_true", help="fail where a file cannot be continued")
    add("-x", "--connections", metavar="N", type=_positive, help="at most so many at once")
    add("--limit", metavar="RATE", help="bytes per second, such as 500k; off for none")
    add(
        "--mirror",
        metavar="URL",
        action="append",
        default=[],
        help="where the same file is too; may be given again; with one URL only",
    )
    add("--header", metavar="'K: V'", action="append", default=[], help="send this header as well")
    add("--cookies", metavar="FILE", help="send the cookies of a cookies.txt (Netscape format)")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--user", metavar="USER[:PASSWORD]", help="log in; asks for what is missing")
    who.add_argument("--bearer", metavar="TOKEN", help="log in with a token")
    _json(parser)


def _get(parser: argparse.ArgumentParser) -> None:
    _request(parser)
    parser.add_argument("--embedded", action="store_true", help="do it in this process, no daemon")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def _add(parser: argparse.ArgumentParser) -> None:
    _request(parser)
    parser.add_argument("--paused", action="store_true", help="queue it without starting it")
    parser.add_argument(
        "--priority", metavar="N", type=int, default=0, help="higher goes first (default: 0)"
    )
    parser.add_argument("--group", metavar="NAME", help="a name for what belongs together")


def _ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=[s.value for s in Status], help="only these")
    _json(parser)


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="a download's id, or how it begins")
    _json(parser)


def _ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids, or how they begin")
    parser.add_argument("--all", action="store_true", help="every download that admits it")


def _rm(parser: argparse.ArgumentParser) -> None:
    _ids(parser)
    parser.add_argument("--files", action="store_true", help="delete the data too")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _move(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids, or how they begin")
    where = parser.add_mutually_exclusive_group(required=True)
    for name, text in (
        ("top", "to the front of the queue"),
        ("bottom", "to its end"),
        ("up", "one place forward"),
        ("down", "one place back"),
    ):
        where.add_argument(f"--{name}", dest="to", action="store_const", const=name, help=text)
    where.add_argument("--to", metavar="N", type=_positive, help="to this place; 1 is the first")


def _set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids, or how they begin")
    add = parser.add_argument
    add("--priority", metavar="N", type=int, help="higher goes first; 0 is ordinary")
    add("--limit", metavar="RATE", help="bytes per second, such as 500k; off for none")
    add(
        "-x",
        "--connections",
        metavar="N",
        type=_count,
        help="at most so many at once; 0 is what the settings say",
    )
    add("--group", metavar="NAME", help="a name for what belongs together; '' for none")
    add("--now", action="store_true", help="start at once; the last of the running ones makes room")


def _limit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "rate",
        nargs="?",
        metavar="RATE",
        help="bytes per second for all downloads together, such as 2M; off: no limit; auto: take"
        " back all that was changed here, so that the settings and their timetable hold",
    )
    add("--active", metavar="N", type=_positive, help="downloads at once")
    add("--no-restart", action="store_true", help="fail where a file cannot be continued")
    add("-x", "--connections", metavar="N", type=_positive, help="connections of one download")
    add("--per-host", metavar="N", type=_positive, help="connections to one host")
    _json(parser)


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids, or how they begin")
    parser.add_argument("--all", action="store_true", help="all that are unfinished (the default)")


def _daemon(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["run", "start", "stop", "status"],
        help="run: in the foreground; start: in the background; stop: downloads go on when it is"
        " started again; status: exit 1 when none runs",
    )
    _json(parser)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["path", "show"],
        help="path: where config.toml is; show: every setting as it is in force",
    )


def _nothing(_: argparse.ArgumentParser) -> None:
    """The command has no options of its own."""


def _screen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("urls", nargs="*", metavar="URL", help="added before the screen opens")
    parser.add_argument("--version", action=_Version)


COMMANDS: dict[str, Command] = {
    "get": Command(
        "download in the foreground and end when all is done",
        "tui.cli.get:run",
        _get,
        (
            "winch get https://example.org/disk.iso -d ~/images",
            "winch get -i urls.txt --retries 20",
        ),
    ),
    "add": Command(
        "queue downloads and print their ids",
        "tui.cli.queue:add",
        _add,
        ("winch add https://example.org/a.zip https://example.org/b.zip --priority 5",),
    ),
    "ls": Command(
        "list the downloads",
        "tui.cli.listing:ls",
        _ls,
        ("winch ls --status failed", "winch ls --json | jq -r '.[].name'"),
    ),
    "show": Command("show one download in full", "tui.cli.listing:show", _show, ("winch show 3f",)),
    "pause": Command(
        "stop downloads and keep what they have",
        "tui.cli.queue:pause",
        _ids,
        ("winch pause 3f a0", "winch pause --all"),
    ),
    "resume": Command(
        "let paused downloads go on", "tui.cli.queue:resume", _ids, ("winch resume --all",)
    ),
    "retry": Command(
        "try failed downloads again now", "tui.cli.queue:retry", _ids, ("winch retry --all",)
    ),
    "cancel": Command(
        "give downloads up; their part files stay",
        "tui.cli.queue:cancel",
        _ids,
        ("winch cancel 3f",),
    ),
    "rm": Command(
        "take downloads off the list",
        "tui.cli.queue:rm",
        _rm,
        ("winch rm 3f", "winch rm 3f --files"),
    ),
    "move": Command(
        "change the order of the queue",
        "tui.cli.queue:move",
        _move,
        ("winch move 3f --top", "winch move 3f a0 --to 2"),
    ),
    "set": Command(
        "change priority and limits of downloads, also while they run",
        "tui.cli.queue:change",
        _set,
        ("winch set 3f --limit 500k", "winch set 3f a0 --priority 5 -x 4", "winch set 3f --now"),
    ),
    "limit": Command(
        "show or change the limits of all downloads together",
        "tui.cli.limits:run",
        _limit,
        ("winch limit 2M", "winch limit off", "winch limit --active 8", "winch limit auto"),
    ),
    "wait": Command(
        "end when downloads are done, with their exit code",
        "tui.cli.get:wait",
        _wait,
        ("winch add https://example.org/a.zip && winch wait",),
    ),
    "daemon": Command(
        "run, start, stop or ask the daemon",
        "tui.cli.daemon:run",
        _daemon,
        ("winch daemon status --json",),
    ),
    "demo": Command(
        "try winch on a bundled local server; nothing of yours is touched",
        "tui.cli.demo:run",
        _nothing,
    ),
    "config": Command(
        "where the settings are and what they are",
        "tui.cli.config:run",
        _config,
        ("winch config show", "WINCH_LIMITS_ACTIVE=30 winch config show"),
    ),
}

_OVERVIEW = "\n".join(
    [
        "commands (each has its own --help):",
        *(f"  {name:<8} {command.summary}" for name, command in COMMANDS.items()),
        "",
        "examples:",
        "  winch https://example.org/disk.iso      open the screen with this download",
        "  winch get https://example.org/disk.iso  download it here and now",
        "  winch demo                              see it at work without a network",
        "",
        "exit codes:",
        "  0 done  2 usage  3 not found  6 network  7 unfinished  8 cannot resume  9 disk",
        "  13 exists  22 HTTP  24 authorization  32 checksum  1 anything else  128+N signal",
    ]
)

SCREEN = Command("", "tui.cli.screen:run", _screen)


def parse(argv: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command that was asked for and its options.

    No command opens the screen. Raises UsageError; `--help` and `--version` print and leave with
    SystemExit.
    """
    words = list(argv)
    debug = False
    while words and words[0] == "--debug":
        debug = True
        del words[0]
    name = words[0] if words and words[0] in COMMANDS else None
    command = COMMANDS[name] if name is not None else SCREEN
    parser = _build(name, command)
    if name is None and words and not words[0].startswith("-") and "://" not in words[0]:
        raise _unknown_command(words[0])
    args = parser.parse_intermixed_args(words[1:] if name is not None else words)
    args.debug = args.debug or debug
    return command, args


def _build(name: str | None, command: Command) -> argparse.ArgumentParser:
    examples = "\n".join(["examples:", *(f"  {line}" for line in command.examples)])
    parser = _Parser(
        prog=f"winch {name}" if name else "winch",
        usage=None if name else "winch [URL ...]\n       winch COMMAND ...",
        description=f"{command.summary[0].upper()}{command.summary[1:]}."
        if name
        else "A keyboard-driven download manager for the terminal.",
        epilog=_OVERVIEW if name is None else examples if command.examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.declare(parser)
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
