"""The person's own programs, run for what happens to downloads: in order, a few at a time.

What waits for its turn is in the list on disk, written together with what it is for, and noted as
begun before it begins. So each begins once, whatever ends winch in between; one that was under way
then was cut off, and that is said at the next start. Nothing here holds up a download.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from core.adapters.state.catalog import Catalog
from core.adapters.system.hook_process import HookEnd, run_program
from core.domain.bounds import cut
from core.domain.errors import WinchError
from core.domain.hooks import HookCall, HookEvent
from core.domain.models import Download
from core.domain.names import one_line
from core.domain.settings import HookSettings
from core.domain.value import replace
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.policy.hook_facts import facts, inherited

log = logging.getLogger(__name__)

MOST_WAITING = 50_000
"""Hooks that wait for their turn; what comes beyond is skipped, and told."""
STOPPING = 10.0
"""Seconds that running ones have to end once winch ends; containers are given no more."""
_LASTING = frozenset({HookEvent.DONE, HookEvent.FAILED, HookEvent.QUEUE_DONE})
"""What is still worth telling after a restart."""
_SKIPPED = "skipped"
_LINES = 20
_LONGEST_LINE = 400


class Hooks:
    """Runs the hooks of the settings; `changed` is called when `is_busy` may have changed.

    With `embedded`, those that a daemon left waiting are left to the next one.
    """

    def __init__(
        self,
        settings: HookSettings,
        catalog: Catalog,
        downloads: DownloadList,
        environment: Mapping[str, str],
        *,
        embedded: bool,
        changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._downloads = downloads
        self._environment = environment
        self._embedded = embedded
        self._changed = changed
        self._waiting: deque[HookCall] = deque()
        self._about: dict[int, Download] = {}
        """What each is about, as it was then: it may have left the list by its turn."""
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._stop = asyncio.Event()
        self._told: dict[str, str] = {}
        self._old: set[str] = set()
        """What was told in an earlier run of the queue."""
        self._failures: Counter[str] = Counter()
        self._skipped = 0
        self._full = ""

    @property
    def is_busy(self) -> bool:
        """Whether any runs, or waits for its turn."""
        return bool(self._tasks) or (bool(self._waiting) and self._is_open)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def configure(self, settings: HookSettings) -> None:
        """Let other programs run from now on; what the old ones failed with stands no longer."""
        if settings != self._settings:
            self._settings = settings
            self._take_back(*self._told)
            self._fill()

    def begin_run(self) -> None:
        """Let what was told of failures stand until it works again: the queue runs anew."""
        self._old.update(self._told)

    def start(self) -> None:
        """Begin to run them, first those that waited when winch ended."""
        self._is_open = True
        new = {call.number for call in self._waiting}
        left = sorted(self._catalog.hooks.values(), key=lambda call: call.number)
        if not self._embedded:
            before = [call for call in left if call.number not in new]
            self._tell_cut_off([call for call in before if call.begun])
            self._waiting.extendleft(reversed([call for call in before if not call.begun]))
        self._fill()

    def add(self, call: HookCall, about: Download | None) -> None:
        """Have the hook for something run, if there is one; its number is given here."""
        if not self._settings.command(call.event):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._skip(call)
            return
        if not self._number:
            self._number = max(map(int, self._catalog.hooks), default=0)
        self._number += 1
        call = replace(call, number=self._number)
        if call.event in _LASTING:
            self._catalog.put_hook(call)
        if about is not None:
            self._about[call.number] = about
        self._waiting.append(call)
        self._fill()

    async def close(self) -> None:
        """Begin no more, and return once those that run have ended, or were ended.

        What waits is run after the next start.
        """
        self._is_open = False
        if self._waiting:
            log.info("%d hooks wait for the next start", len(self._waiting))
        await self._ended(min(STOPPING, self._settings.timeout_seconds))
        self._stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def drain(self) -> None:
        """Return once nothing runs or waits, after as long as one may take at the most."""
        await self._ended(self._settings.timeout_seconds)

    async def _ended(self, patience: float) -> None:
        """Return once none runs, after so many seconds at the most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    # -- one after the other ----------------------------------------------------------------------

    def _fill(self) -> None:
        while self._is_open and self._waiting and len(self._tasks) < self._settings.concurrency:
            task = asyncio.create_task(self._run(self._waiting.popleft()), name="hook")
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a hook could not be run", exc_info=error)
        self._fill()
        if not self._waiting:
            self._say_skipped()
        self._changed()

    async def _run(self, call: HookCall) -> None:
        command = self._settings.command(call.event)
        about = self._about.pop(call.number, None) or self._known(call)
        if not command or (about is None and call.download_id is not None):
            log.warning(
                "%s for %s is passed over: %s",
                call.event.hook,
                _subject(call),
                "its download has left the list" if command else "there is none any more",
            )
            self._catalog.discard_hook(call.number)
            return
        if call.event in _LASTING:
            self._catalog.put_hook(replace(call, begun=True))
            # Where the list cannot be saved, it is said elsewhere; the hook may help with that.
            with suppress(WinchError):
                await self._catalog.flush()
        end = await run_program(
            command,
            inherited(self._environment) | facts(call, about),
            timeout=self._settings.timeout_seconds,
            stop=self._stop,
        )
        if not end.cut_off:
            self._catalog.discard_hook(call.number)
        self._report(call, end)

    def _known(self, call: HookCall) -> Download | None:
        known = call.download_id is not None and call.download_id in self._downloads
        return self._downloads[call.download_id] if known and call.download_id else None

    # -- what is told -----------------------------------------------------------------------------

    def _report(self, call: HookCall, end: HookEnd) -> None:
        hook, subject, extra = call.event.hook, _subject(call), _about(call)
        lines = end.output.splitlines()
        kept = [cut(one_line(line), _LONGEST_LINE) for line in lines[-_LINES:]]
        if len(lines) > len(kept) or end.written > len(end.output.encode()):
            kept.insert(0, f"(the end of {end.written:,} bytes)")
        for line in kept:
            log.info("%s for %s: %s", hook, subject, line, extra=extra)
        if not end.failure:
            log.info("%s for %s ended well", hook, subject, extra=extra)
            self._take_back(*self._old & {hook, _SKIPPED})
            return
        log.warning("%s for %s failed: %s", hook, subject, end.failure, extra=extra)
        self._tell_failure(call, end.failure)

    def _tell_failure(self, call: HookCall, failure: str) -> None:
        event = call.event
        known = self._known(call)
        if known is not None:
            self._downloads.note(known.id, f"the hook {event.hook} failed: {failure}")
        self._failures[event.hook] += 1
        count = self._failures[event.hook]
        whom = "" if known is None else f" for {one_line(cut(known.name, 80))}"
        times = "" if count == 1 else f" {count:,} times, the last time"
        self._put(
            event.hook,
            f"The hook {event.hook} failed{times}{whom}: {failure}; `winch log` says more",
        )

    def _tell_cut_off(self, calls: list[HookCall]) -> None:
        for call in calls:
            self._catalog.discard_hook(call.number)
            log.warning("%s for %s was cut off: winch ended", call.event.hook, _subject(call))
            self._tell_failure(call, "winch ended before it did; it is not run again")

    def _put(self, subject: str, sentence: str) -> None:
        self._downloads.notices.take_back(self._told.get(subject, ""))
        self._told[subject] = sentence
        self._old.discard(subject)
        self._downloads.notices.put(sentence)

    def _take_back(self, *subjects: str) -> None:
        for subject in subjects:
            self._downloads.notices.take_back(self._told.pop(subject, ""))
            self._old.discard(subject)
            del self._failures[subject]

    def _skip(self, call: HookCall) -> None:
        self._skipped += 1
        # Of very many not each is a change that everybody is told of.
        if self._skipped == 1:
            self._full = f"Hooks are skipped: {MOST_WAITING:,} wait for their turn already."
            log.warning("%s for %s is skipped: too many wait", call.event.hook, _subject(call))
            self._downloads.notices.put(self._full)

    def _say_skipped(self) -> None:
        if self._skipped:
            self._downloads.notices.take_back(self._full)
            sentence = f"{self._skipped:,} hooks were skipped: more than {MOST_WAITING:,} waited."
            log.warning("%s", sentence)
            self._put(_SKIPPED, sentence)
            self._skipped = 0


def _about(call: HookCall) -> dict[str, str] | None:
    """Return what a line of the log has besides its text, None for the queue as a whole."""
    return {"download": call.download_id} if call.download_id else None


def _subject(call: HookCall) -> str:
    return call.download_id[:SHORT] if call.download_id else "the queue"
