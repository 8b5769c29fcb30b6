"""The commands about collections; the others take the name of one where they take an id."""

from __future__ import annotations

import argparse

from tui.input.command_table import as_json, command


@command("list the collections", "collections:collections", "winch collections --json")
def collections(parser: argparse.ArgumentParser) -> None:
    as_json(parser)


@command(
    "say of each file of a collection whether it is whole, bad, missing or pending",
    "collections:report",
    "winch report birds --csv > birds.csv",
    "winch report birds --json | jq -r '.[] | select(.verdict != \"whole\") | .path'",
)
def report(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one array of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated, with a header")


@command(
    "read the source of a collection again: queue what is new, changed or damaged",
    "collections:sync",
    "winch sync birds --dry-run",
    "winch sync birds --delete-extra",
)
def sync(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    add = parser.add_argument
    add("--delete-extra", action="store_true", help="delete files that the source names no longer")
    add("--dry-run", action="store_true", help="change nothing, and say what would")
    add("-y", "--yes", action="store_true", help="delete without asking; needed without a terminal")
    as_json(parser)


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the name of a collection")
