"""Which commands there are: the one table, for the parser, the overview and the completions."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from tui.cli import options


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
        "tui.cli.get:run",
        options.get,
        (
            "winch get https://example.org/disk.iso -d ~/images",
            "winch get -i urls.txt --retries 20",
        ),
    ),
    "add": Command(
        "queue downloads and print their ids",
        "tui.cli.queue:add",
        options.add,
        ("winch add https://example.org/a.zip https://example.org/b.zip --priority 5",),
    ),
    "ls": Command(
        "list the downloads",
        "tui.cli.listing:ls",
        options.ls,
        ("winch ls --status failed", "winch ls --json | jq -r '.[].name'"),
    ),
    "show": Command(
        "show one download in full", "tui.cli.listing:show", options.show, ("winch show 3f",)
    ),
    "pause": Command(
        "stop downloads and keep what they have",
        "tui.cli.queue:pause",
        options.ids,
        ("winch pause 3f a0", "winch pause --all"),
    ),
    "resume": Command(
        "let paused downloads go on", "tui.cli.queue:resume", options.ids, ("winch resume --all",)
    ),
    "retry": Command(
        "try failed downloads again now", "tui.cli.queue:retry", options.ids, ("winch retry --all",)
    ),
    "cancel": Command(
        "give downloads up; their part files stay",
        "tui.cli.queue:cancel",
        options.ids,
        ("winch cancel 3f",),
    ),
    "rm": Command(
        "take downloads off the list",
        "tui.cli.queue:rm",
        options.rm,
        ("winch rm 3f", "winch rm 3f --files"),
    ),
    "move": Command(
        "change the order of the queue",
        "tui.cli.queue:move",
        options.move,
        ("winch move 3f --top", "winch move 3f a0 --to 2"),
    ),
    "set": Command(
        "change priority and limits of downloads, also while they run",
        "tui.cli.queue:change",
        options.change,
        ("winch set 3f --limit 500k", "winch set 3f a0 --priority 5 -x 4", "winch set 3f --now"),
    ),
    "limit": Command(
        "show or change the limits of all downloads together",
        "tui.cli.limits:run",
        options.limit,
        ("winch limit 2M", "winch limit off", "winch limit --active 8", "winch limit auto"),
    ),
    "wait": Command(
        "end when downloads are done, with their exit code",
        "tui.cli.get:wait",
        options.wait,
        ("winch add https://example.org/a.zip && winch wait",),
    ),
    "daemon": Command(
        "run, start, stop or ask the daemon",
        "tui.cli.daemon:run",
        options.daemon,
        ("winch daemon status --json",),
    ),
    "demo": Command(
        "try winch on a bundled local server; nothing of yours is touched",
        "tui.cli.demo:run",
        options.nothing,
    ),
    "config": Command(
        "where the settings are and what they are",
        "tui.cli.config:run",
        options.config,
        ("winch config show", "WINCH_LIMITS_ACTIVE=30 winch config show"),
    ),
}
