"""A command for several machines at once: each line with its host, in the order they were named.

All are asked at the same time, some at a time where they are very many. One that does not answer
costs a line and an exit status, and holds up no other for longer than it takes to see that.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import os
import traceback
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.domain.errors import (
    AmbiguousIdError,
    ErrorCode,
    ExitCode,
    HostError,
    UnknownIdError,
    UnreachableError,
    WinchError,
)
from core.domain.machines import Host, Machine
from core.domain.service import DownloadService
from tui.cli.dispatch import Handler
from tui.cli.hosts import Link, check_home, is_beside_the_daemon, run_there, starts
from tui.cli.service_access import named
from tui.cli.signals import Signals
from tui.cli.terminal import columns, out, say, say_as_it_is
from tui.control.choosing import choose, may_be_collection
from tui.input.caller import CALLER, Caller
from tui.input.remote import REMOTE, Remote, name_machine, there_line
from tui.text import fmt
from tui.text.json_records import dump

PATIENCE = 5.0
"""Seconds for a login elsewhere and the first answer."""
_AT_ONCE = 16
"""Machines that are asked at the same time, and whose answers are held."""
_WIDEST = 24
_GAP = "  "
_LEAST_COLUMNS = 20
_OF_THE_WORDS = frozenset({ErrorCode.UNKNOWN_ID, ErrorCode.USAGE, ErrorCode.CONFIG})
"""Errors that are of what was typed, where all machines have the same."""


@dataclass(slots=True)
class _Answer:
    """What a command said on one machine, with whether it is for stderr, and how it ended."""

    host: Host
    said: list[tuple[str, bool]] = field(default_factory=list)
    status: int = ExitCode.OK
    error: WinchError | None = None


def on_several(hosts: Sequence[Host], args: argparse.Namespace, handler: Handler) -> int:
    """Do a command on several machines and return the status of the first that failed."""
    return Signals().run(_Several(hosts, args, handler).run())


class _Several:
    def __init__(self, hosts: Sequence[Host], args: argparse.Namespace, handler: Handler) -> None:
        self._hosts = hosts
        self._args = args
        self._handler = handler
        self._as_json = bool(getattr(args, "json", False))
        self._width = min(max(len(host.name) for host in hosts), _WIDEST)
        width = columns()
        left = None if width is None else width - self._width - len(_GAP)
        self._columns = left if left is None else max(left, _LEAST_COLUMNS)
        self._opened = False

    async def run(self) -> int:
        answers = []
        async with aclosing(self._answers()) as coming:
            async for answer in coming:
                self._print(answer)
                answer.said.clear()
                answers.append(answer)
        if self._opened:
            out("]")
        self._tell_wrong_words(answers)
        return next((each.status for each in answers if each.status), ExitCode.OK)

    def _tell_wrong_words(self, answers: Sequence[_Answer]) -> None:
        """Say what was wrong with the words of the command, once where it is so for all."""
        if any(each.error is None for each in answers):
            for each in answers:
                # What is named is on another machine, where it was done.
                if isinstance(each.error, UnknownIdError):
                    each.error, each.status = None, ExitCode.OK
        wrong = [(each.host.name, each.error) for each in answers if _is_of_the_words(each.error)]
        sentences = [fmt.sentence(error, brackets=False) for _, error in wrong if error]
        if len(set(sentences)) == 1 and len(wrong) > 1:
            say(sentences[0])
            return
        for (name, _), text in zip(wrong, sentences, strict=True):
            say(_naming(name, text))

    async def _answers(self) -> AsyncGenerator[_Answer]:
        """Yield what each machine says, in their order; only so many answers are held."""
        waiting: list[asyncio.Task[_Answer]] = []
        left = iter(self._hosts)
        try:
            while True:
                while len(waiting) < _AT_ONCE and (host := next(left, None)) is not None:
                    waiting.append(asyncio.create_task(self._ask(host)))
                if not waiting:
                    return
                yield await waiting[0]
                del waiting[0]
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _ask(self, host: Host) -> _Answer:
        """Do the command on one machine; what it says is kept."""
        answer = _Answer(host)
        link = Link(host, patience=PATIENCE, start=starts(self._args))
        try:
            await self._do(link, answer)
        except WinchError as error:
            name_machine(error, host)
            answer.error, answer.status = error, error.code.exit_status
        except Exception as error:
            if getattr(self._args, "debug", False):
                traceback.print_exception(error)
            answer.error = WinchError(
                f"unexpected {type(error).__name__}: {error}",
                hint="run it again with --debug to see where",
            )
            answer.status = ExitCode.OTHER
        finally:
            await link.close()
        return answer

    async def _do(self, link: Link, answer: _Answer) -> None:
        async def keep(text: str, is_error: bool) -> None:
            if text:
                answer.said.append((text, is_error))

        caller = Caller(
            service=None,
            write=keep,
            directory=str(Path.cwd()),
            environment=dict(os.environ),
            columns=self._columns,
        )
        # This task's alone.
        CALLER.set(caller)
        args = self._args
        if is_beside_the_daemon(args):
            try:
                answer.status = await run_there(
                    answer.host, args, interactive=False, patience=PATIENCE
                )
            finally:
                await caller.send()
            return
        remote = Remote(answer.host, link.service)
        REMOTE.set(remote)
        try:
            # That none runs is for the command to say, where it starts none.
            with nullcontext() if starts(args) else suppress(UnreachableError):
                service, machine = await _first_answer(link, answer.host)
                if args.command == "add":
                    remote.machine = machine
                    await check_home(args, answer.host, service, machine)
                args = await _known_there(service, args)
            done = self._handler(args)
            answer.status = done if isinstance(done, int) else await done
        finally:
            await caller.send()

    def _print(self, answer: _Answer) -> None:
        name = answer.host.name
        said = [(line, err) for text, err in answer.said for line in text.splitlines() if line]
        if self._as_json:
            self._print_json(name, "".join(text for text, err in answer.said if not err))
            said = [(line, err) for line, err in said if err]
        shown = fmt.fit(fmt.cut_middle(name, self._width), self._width)
        for line, is_error in said:
            if is_error and line.startswith("winch: "):
                say(f"{name}: {line.removeprefix('winch: ')}")
            else:
                (say_as_it_is if is_error else out)(f"{shown}{_GAP}{fmt.clean(line)}")
        if answer.error is not None and not _is_of_the_words(answer.error):
            text = fmt.sentence(answer.error, brackets=False)
            say(_naming(name, text))

    def _print_json(self, name: str, text: str) -> None:
        """Print arrays as one, and objects a line each, all with the name of their host."""
        for value in _values(text):
            if isinstance(value, dict):
                out(dump(_with_host(name, value)))
            elif isinstance(value, list):
                for item in value:
                    record = _with_host(name, item) if isinstance(item, dict) else item
                    out((", " if self._opened else "[") + dump(record), end="")
                    self._opened = True
                if not value and not self._opened:
                    out("[", end="")
                    self._opened = True


async def _first_answer(link: Link, host: Host) -> tuple[DownloadService, Machine]:
    """Return the service of a machine that has answered, and what it says of itself.

    Raises HostError: one that greets, and then hangs, is as dead as one that does not.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            service = await link.service()
            return service, await service.machine()
    except TimeoutError:
        raise HostError(
            f"{host.name} has not answered for {PATIENCE:g} s",
            hint=f"see whether this works: {there_line(host, 'status')}",
        ) from None


def _naming(name: str, text: str) -> str:
    """Return a sentence with the name of its machine before it, where it has none yet."""
    return text if text.startswith((f"{name} ", f"on {name}: ")) else f"{name}: {text}"


def _is_of_the_words(error: WinchError | None) -> bool:
    """Tell whether an error may be the same for all machines, and is then said once."""
    return error is not None and error.code in _OF_THE_WORDS


def _with_host(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the machine that it is of; the server that an attempt names moves."""
    moved = {"server": record.pop("host")} if "host" in record else {}
    return {"host": name} | record | moved


def _values(text: str) -> list[Any]:
    """Return the JSON values that stand one behind the other in a text.

    One that a lost connection has cut off is left out.
    """
    decoder, values, at = json.JSONDecoder(), [], 0
    with suppress(json.JSONDecodeError):
        while (at := _skipped(text, at)) < len(text):
            value, at = decoder.raw_decode(text, at)
            values.append(value)
    return values


def _skipped(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


async def _known_there(service: DownloadService, args: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments with those ids, names and collections alone that this machine has.

    Raises UnknownIdError where it has none of them.
    """
    words = getattr(args, "ids", None)
    if not words or args.all:
        return args
    known, error = [], None
    for word in words:
        try:
            await _check_known(service, word)
        except UnknownIdError as unknown:
            error = error or unknown
        else:
            known.append(word)
    if error is not None and not known:
        raise error
    narrowed = copy.copy(args)
    narrowed.ids = known
    return narrowed


async def _check_known(service: DownloadService, word: str) -> None:
    """Raise UnknownIdError where a machine has nothing of this name; a filter may match nothing."""
    if not may_be_collection(word):
        return
    with suppress(AmbiguousIdError):
        found = await named(service, argparse.Namespace(ids=[word], all=False), "name")
        for id_ in found.ids or () if choose([word]).is_plain else ():
            await service.find(id_)
