"""Which commands there are: the one table, for the parser, the overview and the completions."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from tui.input import command_options as options


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its line in the overview, where its code is, and how its options are declared.

    `handler` is `module:function`, so that the module loads only when the command runs.
    """

    summary: str
    handler: str
    declare: Callable[[argparse.ArgumentParser], None]
    examples: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {
    "get": Command(
        "download in the foreground and end when all is done",
        "get:run",
        options.get,
        (
            "winch get https://example.org/disk.iso -d ~/images",
            "winch get -i urls.txt --retries 20",
        ),
    ),
    "add": Command(
        "queue downloads and print their ids",
        "queue:add",
        options.add,
        ("winch add https://example.org/a.zip https://example.org/b.zip --priority 5",),
    ),
    "ls": Command(
        "list the downloads",
        "listing:ls",
        options.ls,
        (
            "winch ls --status failed",
            "winch ls 'iso size:>1G !status:done' --sort size",
            "winch ls --json | jq -r '.[].name'",
        ),
    ),
    "show": Command("show one download in full", "listing:show", options.show, ("winch show 3f",)),
    "pause": Command(
        "stop downloads and keep what they have",
        "queue:change",
        options.pause,
        ("winch pause 3f a0", "winch pause --all", "winch pause --queue"),
    ),
    "resume": Command(
        "let paused downloads go on",
        "queue:change",
        options.resume,
        (
            "winch resume --all",
            "winch resume --all --failed --limit 5",
            "winch resume --all --older-than 24h",
            "winch resume --queue",
        ),
    ),
    "retry": Command(
        "try failed downloads again now", "queue:change", options.ids, ("winch retry --all",)
    ),
    "cancel": Command(
        "give downloads up; their part files stay",
        "queue:change",
        options.ids,
        ("winch cancel 3f",),
    ),
    "rm": Command(
        "take downloads off the list",
        "queue:rm",
        options.rm,
        ("winch rm 3f", "winch rm 'status:done age:>30d'", "winch rm 3f --files"),
    ),
    "move": Command(
        "change the order of the queue",
        "queue:change",
        options.move,
        ("winch move 3f --top", "winch move 3f a0 --to 2"),
    ),
    "set": Command(
        "change priority, limits and URL of downloads, also while they run",
        "queue:change",
        options.change,
        (
            "winch set 3f --limit 500k",
            "winch set 3f a0 --priority 5 -x 4",
            "winch set 3f --now",
            "winch set 3f --url https://mirror.example.org/disk.iso",
        ),
    ),
    "verify": Command(
        "read finished files again and compare them with their checksums",
        "queue:verify",
        options.verify,
        ("winch verify 3f a0",),
    ),
    "limit": Command(
        "show or change the limits of all downloads together",
        "settings:limit",
        options.limit,
        ("winch limit 2M", "winch limit off", "winch limit --active 8", "winch limit auto"),
    ),
    "wait": Command(
        "end when downloads are done, with their exit code",
        "get:wait",
        options.wait,
        ("winch add https://example.org/a.zip && winch wait",),
    ),
    "export": Command(
        "write the queue as JSON",
        "transport:export",
        options.export,
        ("winch export queue.json", "winch export | ssh host winch import -"),
    ),
    "import": Command(
        "queue what was exported; what is in the list already is left alone",
        "transport:import_",
        options.import_,
        ("winch import queue.json -d /data",),
    ),
    "history": Command(
        "what was downloaded, or tried, and how it went",
        "history:run",
        options.history,
        (
            "winch history --failed --since 7d",
            "winch history export attempts.jsonl",
            "winch history clear",
        ),
    ),
    "stats": Command(
        "figures of the last days: how much, how fast, what failed",
        "history:stats",
        options.stats,
        ("winch stats --days 30",),
    ),
    "clean": Command(
        "remove what nothing needs any more: part files and records of no download",
        "clean:run",
        options.clean,
        ("winch clean --dry-run",),
    ),
    "doctor": Command(
        "look whether all is well: places, list, disks, daemon, machine, terminal",
        "doctor:run",
        options.doctor,
    ),
    "daemon": Command(
        "run, start, stop or ask the daemon",
        "daemon:run",
        options.daemon,
        ("winch daemon status --json",),
    ),
    "demo": Command(
        "try winch on a bundled local server; nothing of yours is touched",
        "demo:run",
        options.nothing,
    ),
    "config": Command(
        "where the settings are and what they are",
        "settings:config",
        options.config,
        ("winch config show", "WINCH_LIMITS_ACTIVE=30 winch config show"),
    ),
}
