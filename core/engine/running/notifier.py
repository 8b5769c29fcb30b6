"""Notices to the address of `[notify]`: one after the other, many of a kind as one.

They are told once, as far as that goes: one that the other end does not take is tried again a few
times, and then that is said. Nothing waits for them but the end of winch, for some seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from core.domain.errors import WinchError
from core.domain.hooks import HookCall, HookEvent
from core.domain.models import Download
from core.domain.settings import NotifySettings
from core.engine.downloads.list import DownloadList
from core.policy.notices import Notice, notice_of, request_of, together

log = logging.getLogger(__name__)

TIMEOUT = 20.0
"""Seconds that the other end has to take one."""
PAUSES = (2.0, 10.0, 60.0)
"""Seconds before each new try."""
GATHERING = 30.0
"""Seconds between two of the same kind: what comes meanwhile is told together."""
STOPPING = 10.0
"""Seconds for what is still to be told once winch ends."""

Post = Callable[[str, Mapping[str, str], bytes, float], Awaitable[None]]


class Notifier:
    """Sends notices by `post` (address, header fields, body, seconds) as the settings say.

    `host` is the name of this machine, `changed` is called when `is_busy` may have changed.
    """

    def __init__(
        self,
        settings: NotifySettings,
        downloads: DownloadList,
        *,
        post: Post,
        host: str,
        changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._downloads = downloads
        self._post = post
        self._host = host
        self._changed = changed
        self._waiting: dict[HookEvent, Notice] = {}
        self._tasks: dict[HookEvent, asyncio.Task[None]] = {}
        self._sending: set[asyncio.Future[None]] = set()
        self._hurry = asyncio.Event()
        self._told = ""

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to be told."""
        return bool(self._waiting) or bool(self._sending)

    def configure(self, settings: NotifySettings) -> None:
        """Let another address or other events hold from now on."""
        if settings != self._settings:
            self._settings = settings
            self._take_back()

    def add(self, call: HookCall, about: Download | None) -> None:
        """Tell of something, if that is wanted."""
        event = call.event
        if not self._settings.url or event not in self._settings.events or self._hurry.is_set():
            return
        notice, before = notice_of(call, about), self._waiting.get(event)
        self._waiting[event] = notice if before is None else together(before, notice)
        if event not in self._tasks:
            self._start(event)

    async def close(self) -> None:
        """Send at once what is still to be told, for some seconds; what is left is logged."""
        self._hurry.set()
        if tasks := list(self._tasks.values()):
            _, late = await asyncio.wait(tasks, timeout=STOPPING)
            for task in late:
                task.cancel()
            if late:
                log.warning("notices were not sent: winch ended")
                await asyncio.wait(late)

    def _start(self, event: HookEvent) -> None:
        self._tasks[event] = asyncio.create_task(self._send_all(event), name="notices")
        self._tasks[event].add_done_callback(lambda _: self._ended(event))

    def _ended(self, event: HookEvent) -> None:
        task = self._tasks.pop(event)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a notice could not be sent", exc_info=error)
        if event in self._waiting and not self._hurry.is_set():
            self._start(event)

    async def _send_all(self, event: HookEvent) -> None:
        """Send what there is of an event, and what comes until there is nothing for a while."""
        while event in self._waiting:
            if event is HookEvent.QUEUE_DONE:
                await self._send_before_the_end()
            await self._send_waiting(event)
            await self._rest(GATHERING)

    async def _send_before_the_end(self) -> None:
        """Send what is still gathered: nobody expects another file once all have ended."""
        under_way = list(self._sending)
        for event in [event for event in self._waiting if event is not HookEvent.QUEUE_DONE]:
            await self._send_waiting(event)
        if under_way:
            await asyncio.wait(under_way)

    async def _send_waiting(self, event: HookEvent) -> None:
        if (notice := self._waiting.pop(event, None)) is None:
            return
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sending.add(sent)
        try:
            await self._send(notice)
        finally:
            self._sending.discard(sent)
            sent.set_result(None)
            self._changed()

    async def _send(self, notice: Notice) -> None:
        for pause in (*PAUSES, None):
            settings = self._settings
            if not settings.url:
                return
            try:
                fields, body = request_of(notice, settings.format, self._host)
                await self._post(settings.url, fields, body, TIMEOUT)
            except WinchError as error:
                host = urlsplit(settings.url).hostname
                log.warning("a notice to %s failed: %s", host, error.message)
                if pause is None or not error.retryable or self._hurry.is_set():
                    self._tell(f"A notice to {host} could not be sent: {error.message}")
                    return
                await self._rest(pause)
            else:
                self._take_back()
                return

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    def _tell(self, sentence: str) -> None:
        self._take_back()
        self._told = sentence
        self._downloads.notices.put(sentence)

    def _take_back(self) -> None:
        self._downloads.notices.take_back(self._told)
        self._told = ""
