"""The commands that watch: how it all stands, what happens, what it costs."""

from __future__ import annotations

import argparse

from core.domain.service import MOST_LOG_LINES
from tui.input.command_table import as_json, command, positive

_LINES = 50


@command(
    "how it all stands, in one screen: exit 1 when no daemon runs",
    "status:status",
    "winch status --json",
)
def status(parser: argparse.ArgumentParser) -> None:
    as_json(parser)


@command(
    "what happens, a JSON object a line, until the daemon ends; exit 1 when none runs",
    "events:events",
    'winch events --since "$LAST" | jq -c .',
)
def events(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--since",
        metavar="MARK",
        help="go on behind a line that has this as `resume`; now: leave out what there is already",
    )
    add(
        "--no-follow",
        action="store_true",
        help="end once all is told that happened until now, and do not wait for more",
    )
    add(
        "--progress", action="store_true", help="also how far what moves is, several times a second"
    )


@command(
    "what costs: CPU by download, lag of the loop, what waits, disks; exit 1 when no daemon runs",
    "top:top",
    "winch top --once --json",
)
def top(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--once", action="store_true", help="one look of a second, as without a terminal")
    add(
        "-d",
        "--delay",
        metavar="SECONDS",
        type=_delay,
        default=2.0,
        help="between two looks (default: 2)",
    )
    as_json(parser)


@command(
    "figures in the text format of Prometheus",
    "metrics:metrics",
    "winch metrics | curl --data-binary @- http://localhost:9091/metrics/job/winch",
)
def metrics(_: argparse.ArgumentParser) -> None:
    pass


@command("the end of the daemon's log", "metrics:log", "winch log -n 200")
def log(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-n",
        "--lines",
        metavar="N",
        type=positive,
        default=_LINES,
        help=f"how many (default: {_LINES}, at most {MOST_LOG_LINES:,})",
    )
    add("--raw", action="store_true", help="as they are written, also where that is JSON")


def _delay(text: str) -> float:
    number = float(text)
    if not 0.1 <= number <= 3600:
        raise ValueError
    return number


_delay.__name__ = "number of seconds (0.1 to 3600)"
