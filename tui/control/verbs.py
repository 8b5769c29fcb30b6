"""What is typed after `:`: the verbs of the command line, carried out by the screen's own service.

The options are those of `tui.cli`, declared once. Where no ids are named, the downloads are meant
that are marked, or the one under the cursor.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from core.domain.bounds import MAX_TEXT
from core.domain.errors import DaemonError, UsageError
from core.domain.service import DownloadService, Outcome
from core.domain.upkeep import Leftover
from tui.cli import history, limits, listing, queue
from tui.control.choosing import choose
from tui.control.command_context import CommandContext
from tui.input.arguments import from_arguments
from tui.input.command_table import COMMANDS
from tui.model.undo import Undo, of_move, of_priority
from tui.text import fmt
from tui.text.removal import MOST_NAMES, deleted_note, kept_note
from tui.text.verify_results import summary
from tui.text.wording import counted

_SHELL = {
    "get": "downloads in the foreground of a shell; here `add` queues",
    "wait": "is for a shell: here the list shows when all is done",
    "export": "is for a shell: `winch export FILE`",
    "import": "is for a shell: `winch import FILE`",
    "doctor": "is for a shell: `winch doctor`",
    "demo": "is for a shell: it is a winch of its own",
    "config": "is for a shell; here , shows the settings",
}
"""Why some commands are none here."""
VERBS = (*(name for name in COMMANDS if name not in _SHELL), "quit")


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A verb with its options, ready to be carried out; `help` is shown instead where asked for."""

    verb: str
    args: argparse.Namespace
    help: str = ""


class _Parser(argparse.ArgumentParser):
    """The command line's own, but ids may be left out and nothing ends the program."""

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
        return ParsedLine(
            verb, argparse.Namespace(), f"{summary}\n\n{parser.format_help().strip()}"
        )
    return ParsedLine(verb, parser.parse_intermixed_args(words[1:]))


def completions(line: str, names: Mapping[str, str]) -> list[tuple[str, str]]:
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
    ids = ((fmt.short_id(id_), name) for id_, name in names.items() if id_.startswith(begun))
    return [(id_, fmt.clean(name)) for id_, name in ids if id_ not in words]


async def carry_out(command: ParsedLine, context: CommandContext) -> str:
    """Do what was asked for, and return what is to be read then; raises WinchError."""
    return command.help or await _DOING[command.verb](command.args, context)


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
    if verb in COMMANDS:
        COMMANDS[verb].declare(parser)
    return parser


def _choose(args: argparse.Namespace, context: CommandContext, verb: str) -> None:
    """Let what is chosen on the screen stand for what was not named; raises UsageError."""
    choice = choose(args.ids)
    if not choice.is_plain:
        args.ids = choice.ids_among(
            context.queue, lambda wanted: context.matching(wanted.text), verb
        )
        if not args.ids and choice.filter is not None:
            raise UsageError(f"nothing matches {choice.filter.text}")
    if not args.ids and not getattr(args, "all", False):
        args.ids = list(context.targets)
    if not args.ids and not getattr(args, "all", False):
        raise UsageError("no download is chosen", hint="name ids, or mark some")


def _changing(
    verb: str,
    change: Callable[[argparse.Namespace], tuple[str, Callable[[DownloadService], Any]]],
) -> Callable[[argparse.Namespace, CommandContext], Awaitable[str]]:
    async def carry_out(args: argparse.Namespace, context: CommandContext) -> str:
        if getattr(args, "queue", False):
            if args.ids or args.all:
                raise UsageError("--queue is for the queue as a whole", hint="it stands alone")
            await context.service.hold(change is queue.pausing)
            return ""
        _choose(args, context, verb)
        participle, ask = change(args)
        undo = _undo_of(change, args, context)
        outcome: Outcome = await ask(context.service)
        if undo is not None:
            context.remember(undo)
        _tell_refused(outcome, context)
        for note in outcome.notes:
            context.tell(note)
        if outcome.changed or not outcome.refused:
            context.tell(f"{participle} {counted(len(outcome.changed))}")
        return ""

    return carry_out


def _undo_of(change: object, args: argparse.Namespace, context: CommandContext) -> Undo | None:
    """Return what takes a change back that is about to be made, None where nothing does."""
    is_move = change is queue.moving
    if not is_move and (change is not queue.changing or args.priority is None):
        return None
    downloads, named = context.queue, set(args.ids)
    begun = tuple(named.difference(download.id for download in downloads))
    chosen = [d for d in downloads if d.id in named or d.id.startswith(begun)]
    return of_move(downloads, {d.id for d in chosen}) if is_move else of_priority(chosen)


def _tell_refused(outcome: Outcome, context: CommandContext) -> None:
    for refusal in outcome.refused:
        error = refusal.error
        hint = f"\n{error.hint}" if error.hint else ""
        context.tell(f"{fmt.short_id(refusal.id)}: {error.message}{hint}", wrong=True)


async def _add(args: argparse.Namespace, context: CommandContext) -> str:
    if args.input == "-":
        raise UsageError("there is no stdin here", hint="name a file")
    if args.user is not None and ":" not in args.user:
        raise UsageError("the password is missing", hint="write --user NAME:PASSWORD")
    added = await context.service.add(from_arguments(args, context.directory))
    context.tell(f"queued {counted(len(added))}")
    return ""


async def _ls(args: argparse.Namespace, context: CommandContext) -> str:
    words = " ".join(args.filter)
    if args.status is not None:
        words = f"{words} status:{args.status}".strip()
    context.show_list(words, args.sort, is_reversed=args.reverse)
    return ""


async def _show(args: argparse.Namespace, context: CommandContext) -> str:
    args.ids = args.id
    _choose(args, context, "show")
    views = [await context.service.find(id_) for id_ in args.ids]
    return "\n\n".join("\n".join(listing.details(view)) for view in views)


async def _rm(args: argparse.Namespace, context: CommandContext) -> str:
    _choose(args, context, "rm")
    service = context.service
    plan = await service.remove(None if args.all else args.ids, files=args.files, dry_run=True)
    if not (chosen := plan.removed):
        raise UsageError("there is nothing to remove")
    ids = [download.id for download in chosen]
    if args.dry_run or (args.files and not args.yes):
        if args.dry_run:
            note = deleted_note(plan) if args.files else kept_note(chosen)
            return f"This would remove {counted(len(chosen))}. {note}"
        question = f"Remove {counted(len(chosen))} and delete the data?"
        if not await context.confirm("Delete", question, deleted_note(plan)):
            return ""
    context.remove(ids, files=args.files)
    return ""


async def _verify(args: argparse.Namespace, context: CommandContext) -> str:
    _choose(args, context, "verify")
    service = context.service
    ids = args.ids
    names = {download.id: download.name for download in context.queue}

    async def verify() -> None:
        for verdict in summary(await service.verify(ids), names):
            context.tell(verdict.text, wrong=verdict.is_wrong)

    context.later(verify())
    return ""


async def _limit(args: argparse.Namespace, context: CommandContext) -> str:
    changed = await context.service.limit(limits.changes_of(args))
    return "\n".join(limits.details(changed, await context.service.settings_in_force()))


async def _history(args: argparse.Namespace, context: CommandContext) -> str:
    match args.words:
        case ["export", *_]:
            raise UsageError("H opens the history, and e in it exports")
        case ["clear"]:
            question = "Forget every attempt that was ever made?"
            if args.yes or await context.confirm("History", question, "The files stay."):
                context.tell(f"forgot {await context.service.clear_history():,} attempts")
            return ""
    context.open_history(history.query_of(args, " ".join(args.words), limit=args.limit or None))
    return ""


async def _stats(args: argparse.Namespace, context: CommandContext) -> str:
    context.open_statistics(args.days)
    return ""


async def _clean(args: argparse.Namespace, context: CommandContext) -> str:
    service = context.service
    found = await service.clean(dry_run=True)
    if found.refused is not None:
        raise UsageError(found.refused)
    if not found.removed:
        return "There is nothing to remove."
    names = [_leftover(item) for item in found.removed]
    if args.dry_run:
        return "\n".join(["These would go:", *names])
    if not args.yes:
        question = f"Remove {len(names):,} file{'' if len(names) == 1 else 's'} for good?"
        more = f"\nand {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
        if not await context.confirm("Clean", question, "\n".join(names[:MOST_NAMES]) + more):
            return ""
    cleanup = await service.clean(dry_run=False, only=[item.path for item in found.removed])
    total = sum(item.size for item in cleanup.removed)
    context.tell(f"removed {len(cleanup.removed):,} files, {fmt.size(total)}")
    asked = {item.path for item in found.removed}
    if kept := [item for item in cleanup.kept if item.path in asked]:
        context.tell("\n".join(f"kept: {item.path} ({item.reason})" for item in kept), wrong=True)
    return ""


def _leftover(item: Leftover) -> str:
    return f"{fmt.size(item.size):>9}  {fmt.clean(item.path)} ({fmt.clean(item.reason)})"


async def _daemon(args: argparse.Namespace, context: CommandContext) -> str:
    if args.action != "start":
        what = f"`daemon {args.action}` is for a shell: this screen hangs on the daemon"
        raise UsageError(what, hint="here there is `daemon start`")
    try:
        status = await context.service.status()
    except DaemonError:
        context.reconnect()
    else:
        context.tell(f"the daemon runs, process {status.pid}")
    return ""


async def _quit(_: argparse.Namespace, context: CommandContext) -> str:
    context.leave()
    return ""


_DOING: dict[str, Callable[[argparse.Namespace, CommandContext], Awaitable[str]]] = {
    "add": _add,
    "ls": _ls,
    "show": _show,
    "pause": _changing("pause", queue.pausing),
    "resume": _changing("resume", queue.resuming),
    "retry": _changing("retry", queue.retrying),
    "cancel": _changing("cancel", queue.cancelling),
    "rm": _rm,
    "move": _changing("move", queue.moving),
    "set": _changing("set", queue.changing),
    "verify": _verify,
    "limit": _limit,
    "history": _history,
    "stats": _stats,
    "clean": _clean,
    "daemon": _daemon,
    "quit": _quit,
}
