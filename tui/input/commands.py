"""Which commands there are, each with its line in the overview and its options: declared once.

For the parser, the help and the completions of the shell's command line and of the verb line.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.models import Conflict, Status
from tui.text.vocabulary import COMMAND_STATES

_Declare = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its line in the overview, where its code is, and how its options are declared.

    `handler` is `module:function` in `tui.cli`, loaded only when the command runs.
    """

    summary: str
    handler: str
    declare: _Declare
    examples: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {}


_DONE, _GIVEN_UP = COMMAND_STATES[Status.COMPLETED], COMMAND_STATES[Status.CANCELLED]


def _command(summary: str, handler: str, *examples: str) -> Callable[[_Declare], _Declare]:
    """Enter a command under the name of the function that declares its options."""

    def enter(declare: _Declare) -> _Declare:
        COMMANDS[declare.__name__.rstrip("_")] = Command(summary, handler, declare, examples)
        return declare

    return enter


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
    add(
        "--wait-for-host",
        action="store_true",
        help="wait where no host has this name, instead of failing within 30 s",
    )
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
    who.add_argument(
        "--user", metavar="USER[:PASSWORD]", help="log in, by Digest or Basic; asks for PASSWORD"
    )
    who.add_argument("--bearer", metavar="TOKEN", help="log in with a token")
    _json(parser)


_WHICH = (
    "ids or how they begin, whole names, or a filter such as 'status:done age:>30d': that of `ls`,"
    " but each of its words needs a key"
)


def _which(parser: argparse.ArgumentParser, nargs: str = "*") -> None:
    parser.add_argument("ids", nargs=nargs, metavar="ID|FILTER", help=_WHICH)
    parser.set_defaults(all=False)


def _ids(parser: argparse.ArgumentParser) -> None:
    _which(parser)
    parser.add_argument("--all", action="store_true", help="every download that admits it")


@_command(
    "download in the foreground and end when all is done",
    "get:run",
    "winch get https://example.org/disk.iso -d ~/images",
    "winch get -i urls.txt --retries 20",
)
def get(parser: argparse.ArgumentParser) -> None:
    _request(parser)
    parser.add_argument("--embedded", action="store_true", help="do it in this process, no daemon")
    parser.add_argument(
        "--queued",
        action="store_true",
        help="wait behind what is in the queue, instead of running beside it at once",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


@_command(
    "queue downloads and print their ids",
    "queue:add",
    "winch add https://example.org/a.zip https://example.org/b.zip --priority 5",
)
def add(parser: argparse.ArgumentParser) -> None:
    _request(parser)
    parser.add_argument("--paused", action="store_true", help="queue it without starting it")
    parser.add_argument(
        "--priority", metavar="N", type=int, default=0, help="higher goes first (default: 0)"
    )
    parser.add_argument("--group", metavar="NAME", help="a name for what belongs together")


@_command(
    "list the downloads",
    "listing:ls",
    "winch ls --status failed",
    "winch ls 'iso size:>1G !status:done' --sort size",
    "winch ls --json | jq -r '.[].name'",
)
def ls(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "filter",
        nargs="*",
        metavar="FILTER",
        help="words in name, host or group, and status: size: rate: eta: done: host: group: name:"
        " age: error: priority: with a value; ! before any of them negates. Quote it for the shell",
    )
    add("--status", choices=[s.value for s in Status], help="only these")
    add(
        "--sort",
        metavar="KEY",
        default="queue",
        help="queue (the default), name, size, progress, rate, eta, status, age, updated (what"
        " changed last stands first), priority or host",
    )
    add("--reverse", action="store_true", help="the last one first")
    _json(parser)


@_command("show one download in full", "listing:show", "winch show 3f")
def show(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(all=False)
    parser.add_argument("id", metavar="ID", help="an id or how it begins, a whole name or a filter")
    _json(parser)


@_command(
    "stop downloads and keep what they have",
    "queue:change",
    "winch pause 3f a0",
    "winch pause --all",
    "winch pause --queue",
)
def pause(parser: argparse.ArgumentParser) -> None:
    _ids(parser)
    parser.add_argument(
        "--queue", action="store_true", help="the queue as a whole; each download keeps its state"
    )


@_command(
    f"let {COMMAND_STATES[Status.PAUSED]} downloads go on",
    "queue:change",
    "winch resume --all",
    "winch resume --all --failed --limit 5",
    "winch resume --all --older-than 24h",
    "winch resume --queue",
)
def resume(parser: argparse.ArgumentParser) -> None:
    pause(parser)
    add = parser.add_argument
    add(
        "--older-than",
        metavar="TIME",
        help="with --all: only those that last moved so long ago, such as 90m, 24h or 3d",
    )
    add("--failed", action="store_true", help="with --all: those that failed as well")
    add("--limit", metavar="N", type=_positive, help="with --all: the first N of the queue only")
    add("--fresh", action="store_true", help="forget what is here and fetch them from byte 0")


@_command("try failed downloads again now", "queue:change", "winch retry --all")
def retry(parser: argparse.ArgumentParser) -> None:
    _ids(parser)


@_command("give downloads up; their part files stay", "queue:change", "winch cancel 3f")
def cancel(parser: argparse.ArgumentParser) -> None:
    _ids(parser)


@_command(
    "take downloads off the list",
    "queue:rm",
    "winch rm 3f",
    "winch rm 'status:done age:>30d'",
    "winch rm 3f --files",
)
def rm(parser: argparse.ArgumentParser) -> None:
    _ids(parser)
    add = parser.add_argument
    add("--files", action="store_true", help="delete the data too: what is as winch left it")
    add("--dry-run", action="store_true", help="only say what would be removed and deleted")
    add("-y", "--yes", action="store_true", help="do not ask; without a terminal --files needs it")


@_command(
    "change the order of the queue",
    "queue:change",
    "winch move 3f --top",
    "winch move 3f a0 --to 2",
)
def move(parser: argparse.ArgumentParser) -> None:
    _which(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    for name, text in (
        ("top", "to the front of the queue"),
        ("bottom", "to its end"),
        ("up", "one place forward"),
        ("down", "one place back"),
    ):
        where.add_argument(f"--{name}", dest="to", action="store_const", const=name, help=text)
    where.add_argument("--to", metavar="N", type=_positive, help="to this place; 1 is the first")


@_command(
    "change priority, limits and URL of downloads, also while they run",
    "queue:change",
    "winch set 3f --limit 500k",
    "winch set 3f a0 --priority 5 -x 4",
    "winch set 3f --now",
    "winch set 3f --url https://mirror.example.org/disk.iso",
)
def set_(parser: argparse.ArgumentParser) -> None:
    _which(parser)
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
    add("--url", metavar="URL", help="fetch it from there and keep what is here; with one ID only")
    add("--now", action="store_true", help="start at once; the last of the running ones makes room")


@_command(
    "read finished files again and compare them with their checksums",
    "queue:verify",
    "winch verify 3f a0",
)
def verify(parser: argparse.ArgumentParser) -> None:
    _which(parser, "+")


@_command(
    "show or change the limits of all downloads together",
    "settings:limit",
    "winch limit 2M",
    "winch limit off",
    "winch limit --active 8",
    "winch limit auto",
)
def limit(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "rate",
        nargs="?",
        metavar="RATE",
        help="bytes per second for all downloads together, such as 2M; off: no limit; auto: take"
        " back all that was changed here, so that the settings and their timetable hold",
    )
    add("--active", metavar="N", type=_positive, help="downloads at once")
    add("-x", "--connections", metavar="N", type=_positive, help="connections of one download")
    add("--per-host", metavar="N", type=_positive, help="connections to one host")
    _json(parser)


@_command(
    "end when downloads are done, with their exit code",
    "get:wait",
    "winch add https://example.org/a.zip && winch wait",
)
def wait(parser: argparse.ArgumentParser) -> None:
    _which(parser)
    parser.add_argument("--all", action="store_true", help="all that are unfinished (the default)")


@_command(
    "write the queue as JSON",
    "export_import:export",
    "winch export queue.json",
    "winch export | ssh host winch import -",
)
def export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", nargs="?", default="-", metavar="FILE", help="where to; - is stdout (the default)")
    add(
        "--all",
        action="store_true",
        help=f"{_DONE} and {_GIVEN_UP} ones too, for the record",
    )
    add("--no-secrets", action="store_true", help="leave out headers, logins and tokens")
    add("--force", action="store_true", help="overwrite FILE whatever it is")


@_command(
    "queue what was exported; what is in the list already is left alone",
    "export_import:import_",
    "winch import queue.json -d /data",
)
def import_(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", help="what 'winch export' wrote; - is stdin")
    add("-d", "--directory", metavar="DIR", help="where all files go, instead of where they went")
    add("--overwrite", action="store_true", help="let those that say so overwrite what exists")
    add(
        "-y",
        "--yes",
        action="store_true",
        help="take what goes outside the destination folder without asking",
    )


@_command(
    "what was downloaded, or tried, and how it went",
    "history:run",
    "winch history --failed --since 7d",
    "winch history export attempts.jsonl",
    "winch history clear",
)
def history(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "words",
        nargs="*",
        metavar="TEXT",
        help="only attempts with this in their name, URL, host or group. Or one of: 'export FILE':"
        " write them all, the oldest first, as a JSON array to FILE (- is stdout); 'clear': forget"
        " them all",
    )
    add("--limit", metavar="N", type=_count, help="the newest N (default: 20); 0 is all of them")
    add("--since", metavar="TIME", help="only what began so long ago or later: 7d, 2026-03-01")
    add("--failed", action="store_true", help="only what failed, also where a retry followed")
    add("--jsonl", action="store_true", help="export as JSON Lines, as for a FILE named *.jsonl")
    add("--force", action="store_true", help="export over a FILE that exists")
    add("-y", "--yes", action="store_true", help="clear without asking; needed without a terminal")
    _json(parser)


@_command(
    "figures of the last days: how much, how fast, what failed",
    "history:stats",
    "winch stats --days 30",
)
def stats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", metavar="N", type=_positive, default=7, help="how many, with today (default: 7)"
    )
    _json(parser)


@_command(
    "remove what nothing needs any more: part files and records of no download",
    "clean:run",
    "winch clean --dry-run",
)
def clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_argument(
        "-y", "--yes", action="store_true", help="do not ask; needed without a terminal"
    )
    _json(parser)


@_command("look whether all is well: places, list, disks, daemon, machine, terminal", "doctor:run")
def doctor(parser: argparse.ArgumentParser) -> None:
    _json(parser)


@_command("run, start, stop or ask the daemon", "daemon:run", "winch daemon status --json")
def daemon(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["run", "start", "stop", "status"],
        help="run: in the foreground; start: in the background; stop: downloads go on when it is"
        " started again, and one that does not answer for 10 s is ended by SIGTERM, 10 s later by"
        " SIGKILL; status: exit 1 when none runs",
    )
    _json(parser)


@_command("try winch on a bundled local server; nothing of yours is touched", "demo:run")
def demo(_: argparse.ArgumentParser) -> None:
    pass


@_command(
    "where the settings are and what they are",
    "settings:config",
    "winch config show",
    "WINCH_LIMITS_ACTIVE=30 winch config show",
)
def config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["path", "show"],
        help="path: where config.toml is; show: every setting as it is in force",
    )
