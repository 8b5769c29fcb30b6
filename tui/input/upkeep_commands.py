"""The commands about winch as a whole: limits, the queue as a file, the past, the daemon."""

from __future__ import annotations

import argparse

from core.domain.models import Status
from tui.input.command_table import as_json, command, count, positive
from tui.text.vocabulary import COMMAND_STATES

_DONE, _GIVEN_UP = COMMAND_STATES[Status.COMPLETED], COMMAND_STATES[Status.CANCELLED]


@command(
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
    add("--active", metavar="N", type=positive, help="downloads at once")
    add("-x", "--connections", metavar="N", type=positive, help="connections of one download")
    add("--per-host", metavar="N", type=positive, help="connections to one host")
    as_json(parser)


@command(
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


@command(
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


@command(
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
    add("--limit", metavar="N", type=count, help="the newest N (default: 20); 0 is all of them")
    add("--since", metavar="TIME", help="only what began so long ago or later: 7d, 2026-03-01")
    add("--failed", action="store_true", help="only what failed, also where a retry followed")
    add("--jsonl", action="store_true", help="export as JSON Lines, as for a FILE named *.jsonl")
    add("--force", action="store_true", help="export over a FILE that exists")
    add("-y", "--yes", action="store_true", help="clear without asking; needed without a terminal")
    as_json(parser)


@command(
    "figures of the last days: how much, how fast, what failed",
    "history:stats",
    "winch stats --days 30",
)
def stats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", metavar="N", type=positive, default=7, help="how many, with today (default: 7)"
    )
    as_json(parser)


@command(
    "remove what nothing needs any more: part files and records of no download",
    "clean:run",
    "winch clean --dry-run",
)
def clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    parser.add_argument(
        "-y", "--yes", action="store_true", help="do not ask; needed without a terminal"
    )
    as_json(parser)


@command(
    "look whether all is well: places, list, disks, machine, terminal, the daemon if one runs",
    "doctor:run",
)
def doctor(parser: argparse.ArgumentParser) -> None:
    as_json(parser)


@command(
    "run, start, stop or ask the daemon, or have the machine start it",
    "daemon:run",
    "winch daemon status --json",
    "winch daemon install --print",
)
def daemon(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "action",
        choices=["run", "start", "stop", "restart", "status", "install", "uninstall"],
        help="run: in the foreground; start: in the background; stop: downloads go on when it is"
        " started again, and one that does not answer for 10 s is ended by SIGTERM, 10 s later by"
        " SIGKILL; restart: hand over to the winch that is called here, which goes on from the"
        " checkpoint; status: exit 1 when"
        " none runs; install: have it start with the machine and,"
        " where systemd or launchd is here, again after a crash; uninstall: take that back",
    )
    add("--print", action="store_true", help="install: only show what would be written")
    add(
        "--manager",
        choices=["systemd", "launchd", "cron"],
        help="install: what starts it (default: the best of these that is here)",
    )
    add(
        "--linger",
        action="store_true",
        help="install: have it start at boot, not at your login, without asking (systemd:"
        " `loginctl enable-linger`)",
    )
    as_json(parser)


@command(
    "join stdin and stdout with the daemon: what `winch -H HOST` runs on the other machine",
    "daemon:join",
)
def rpc_stdio(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-start", action="store_true", help="exit 3 where no daemon runs, and start none"
    )


@command(
    "print what makes a shell complete winch's commands, options, ids and hosts",
    "completions:run",
    'eval "$(winch completions bash)"           in ~/.bashrc',
    'eval "$(winch completions zsh)"            in ~/.zshrc, below compinit',
    "winch completions fish | source            in ~/.config/fish/config.fish",
)
def completions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], help="for which")
    parser.add_argument("words", nargs="*", metavar="WORD", help=argparse.SUPPRESS)


@command("try winch on a bundled local server; nothing of yours is touched", "demo:run")
def demo(_: argparse.ArgumentParser) -> None:
    pass


@command(
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
