"""What is typed after `:` becomes a verb with its options, or a mistake.

Verbs are the commands that make sense on the screen, with their options. Where ids are left out,
the downloads are meant that are marked, or the one under the cursor.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from core.domain.bounds import MAX_TEXT
from core.domain.errors import UsageError
from tui.input.commands import COMMANDS
from tui.text import fmt

_SHELL = {
    "get": "downloads in the foreground of a shell; here `add` queues",
    "wait": "is for a shell: here the list shows when all is done",
    "collections": "is for a shell; here each is a row of the list",
    "report": "is for a shell: `winch report NAME`; here `show NAME` opens its page",
    "export": "is for a shell: `winch export FILE`",
    "import": "is for a shell: `winch import FILE`",
    "status": "is for a shell: the header says how it all stands",
    "events": "is for a shell: the list shows what happens",
    "top": "is for a shell: `winch top`",
    "metrics": "is for a shell: `winch metrics`",
    "log": "is for a shell; here the log has a screen of its own",
    "doctor": "is for a shell: `winch doctor`",
    "completions": "is for the configuration of a shell",
    "demo": "is for a shell: it is a winch of its own",
    "rpc-stdio": "is for `winch -H HOST`, which runs it on the other machine",
    "config": "is for a shell; here , shows the settings",
}
"""Why some commands are no verbs."""
VERBS = (*(name for name in COMMANDS if name not in _SHELL), "quit")


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A verb with its options, ready to be carried out; `help` is shown instead where asked for."""

    args: argparse.Namespace
    help: str = ""


class _Parser(argparse.ArgumentParser):
    """As of the command, but ids may be left out and nothing ends the program."""

    def __init__(self, verb: str) -> None:
        self.options: list[str] = []
        super().__init__(
            prog=f":{verb}",
            usage=argparse.SUPPRESS,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument("--help", "-h", action="store_true", help="show this")

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        if names[0] in ("ids", "id"):
            options["nargs"] = "*"
        elif names[0] == "name":
            options["nargs"] = "?"
        self.options += [name for name in names if name.startswith("--")]
        return super().add_argument(*names, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(line: str) -> ParsedLine | None:
    """Return what a line asks for, None where it is empty; raises UsageError."""
    if len(line) > MAX_TEXT:
        raise UsageError(f"a line of {len(line):,} characters is too long")
    try:
        words = shlex.split(line)
    except ValueError:
        raise UsageError("a quotation mark is not closed") from None
    if not words:
        return None
    if "://" in words[0]:
        words.insert(0, "add")
    verb = _verb(words[0])
    parser = _parser(verb)
    if "--help" in words or "-h" in words:
        summary = COMMANDS[verb].summary if verb in COMMANDS else "leave the screen"
        return ParsedLine(argparse.Namespace(), f"{summary}\n\n{parser.format_help().strip()}")
    return ParsedLine(parser.parse_intermixed_args(words[1:]))


def completions(
    line: str, names: Mapping[str, str], collections: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Return the words that may stand where the last one of a line is begun, with what they mean.

    `names` are those of the downloads by id.
    """
    before, _, begun = line.rpartition(" ")
    words = before.split()
    if not words:
        texts = {verb: COMMANDS[verb].summary if verb in COMMANDS else "" for verb in VERBS}
        return [(verb, text) for verb, text in texts.items() if verb.startswith(begun)]
    if words[0] not in COMMANDS:
        return []
    if begun.startswith("-"):
        options = _parser(words[0]).options
        return [(option, "") for option in options if option.startswith(begun)]
    whole = [
        (shlex.quote(name), "collection")
        for name in collections
        if begun and name.startswith(begun) and fmt.clean(name) == name and name not in words
    ]
    ids = ((fmt.short_id(id_), name) for id_, name in names.items() if id_.startswith(begun))
    return whole + [(id_, fmt.clean(name)) for id_, name in ids if id_ not in words]


def _verb(word: str) -> str:
    if word in _SHELL:
        raise UsageError(f"`{word}` {_SHELL[word]}")
    if word == "q":
        return "quit"
    if word in VERBS:
        return word
    near = difflib.get_close_matches(word, VERBS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(VERBS)}"
    raise UsageError(f"there is no command '{word}'", hint=hint)


def _parser(verb: str) -> _Parser:
    parser = _Parser(verb)
    parser.set_defaults(command=verb)
    if verb in COMMANDS:
        COMMANDS[verb].declare(parser)
    return parser
