"""The commands about downloads: hand over, list, change, wait."""

from __future__ import annotations

import argparse

from core.domain.models import Status
from tui.input.command_table import as_json, command, count, positive
from tui.input.request_options import collection, request
from tui.text.vocabulary import COMMAND_STATES

_WHICH = (
    "ids or how they begin, whole names, names of collections, or a filter such as"
    " 'status:done age:>30d': that of `ls`, but each of its words needs a key"
)


def _which(parser: argparse.ArgumentParser, nargs: str = "*") -> None:
    parser.add_argument("ids", nargs=nargs, metavar="ID|FILTER", help=_WHICH)
    parser.set_defaults(all=False)


def _ids(parser: argparse.ArgumentParser) -> None:
    _which(parser)
    parser.add_argument("--all", action="store_true", help="every download that admits it")


@command(
    "download in the foreground and end when all is done",
    "get:run",
    "winch get https://example.org/disk.iso -d ~/images",
    "winch get -i urls.txt --retries 20",
    "winch get --manifest https://example.org/birds/SHA256SUMS --together",
)
def get(parser: argparse.ArgumentParser) -> None:
    request(parser)
    collection(parser)
    parser.add_argument("--embedded", action="store_true", help="do it in this process, no daemon")
    parser.add_argument(
        "--queued",
        action="store_true",
        help="wait behind what is in the queue, instead of running beside it at once",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


@command(
    "queue downloads and print their ids, or a collection and print its name",
    "queue:add",
    "winch add https://example.org/a.zip https://example.org/b.zip --priority 5",
    "winch add -i urls.csv -d /data",
    "winch add --collection birds --manifest https://example.org/birds/SHA256SUMS",
    "winch add --collection scans --together s3://bucket/scans/ --anonymous",
    "winch add -r https://example.org/pub/ --include '*.nc'",
)
def add(parser: argparse.ArgumentParser) -> None:
    request(parser)
    parser.add_argument("--paused", action="store_true", help="queue it without starting it")
    parser.add_argument(
        "--priority", metavar="N", type=int, default=0, help="higher goes first (default: 0)"
    )
    parser.add_argument("--group", metavar="NAME", help="a name for what belongs together")
    collection(parser)


@command(
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
        help="words in name, host or group, and status: size: rate: eta: done: host: group:"
        " collection: name: age: error: priority: with a value; ! before any of them negates."
        " Quote it for the shell",
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
    as_json(parser)


@command("show one download or collection in full", "listing:show", "winch show 3f")
def show(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(all=False)
    parser.add_argument(
        "id", metavar="ID", help="an id or how it begins, a whole name, a collection or a filter"
    )
    as_json(parser)


@command(
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


@command(
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
    add("--limit", metavar="N", type=positive, help="with --all: the first N of the queue only")
    add("--fresh", action="store_true", help="forget what is here and fetch them from byte 0")


@command("try failed downloads again now", "queue:change", "winch retry --all")
def retry(parser: argparse.ArgumentParser) -> None:
    _ids(parser)


@command("give downloads up; their part files stay", "queue:change", "winch cancel 3f")
def cancel(parser: argparse.ArgumentParser) -> None:
    _ids(parser)


@command(
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


@command(
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
    where.add_argument("--to", metavar="N", type=positive, help="to this place; 1 is the first")


@command(
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
        type=count,
        help="at most so many at once; 0 is what the settings say",
    )
    add("--group", metavar="NAME", help="a name for what belongs together; '' for none")
    add("--url", metavar="URL", help="fetch it from there and keep what is here; with one ID only")
    add("--now", action="store_true", help="start at once; the last of the running ones makes room")


@command(
    "read finished files again and compare them with their checksums",
    "queue:verify",
    "winch verify 3f a0",
)
def verify(parser: argparse.ArgumentParser) -> None:
    _which(parser, "+")


@command(
    "end when downloads are done, with their exit code",
    "get:wait",
    "winch add https://example.org/a.zip && winch wait",
)
def wait(parser: argparse.ArgumentParser) -> None:
    _which(parser)
    parser.add_argument("--all", action="store_true", help="all that are unfinished (the default)")
