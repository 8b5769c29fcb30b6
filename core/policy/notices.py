"""The words of a notice that is sent somewhere: in a text with headers (ntfy), or as an object.

The headers hold nothing of what a server said: no name of a file can become one of them. Many of
one kind become one notice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from core.domain.bounds import cut
from core.domain.hooks import HookCall, HookEvent, NoticeFormat
from core.domain.models import Download
from core.domain.names import one_line
from core.domain.units import rough_duration, rough_size
from core.domain.value import Value
from core.policy.hook_facts import said

NAMED = 5
"""Downloads that a notice names; of the others it says how many."""
_LONGEST_NAME = 120

_TAGS = {
    HookEvent.START: "arrow_down",
    HookEvent.DONE: "white_check_mark",
    HookEvent.FAILED: "x",
    HookEvent.QUEUE_DONE: "checkered_flag",
    HookEvent.DISK_LOW: "warning",
}
_URGENT = (HookEvent.FAILED, HookEvent.DISK_LOW)
_WORDS = {
    HookEvent.START: ("a download has started", "downloads have started"),
    HookEvent.DONE: ("a file is here", "files are here"),
    HookEvent.FAILED: ("a download has failed", "downloads have failed"),
    HookEvent.QUEUE_DONE: ("all downloads have ended", ""),
    HookEvent.DISK_LOW: ("a disk is nearly full", "disks are nearly full"),
}


class Notice(Value, frozen=True, kw_only=True):
    """What is told at once of one event: how often it came, and some of it in lines."""

    event: HookEvent
    at: datetime
    count: int = 1
    lines: tuple[str, ...] = ()
    facts: Mapping[str, int | str] = {}

    @property
    def title(self) -> str:
        """What happened, in words that are all winch's own."""
        one, many = _WORDS[self.event]
        return one if self.count == 1 or not many else f"{self.count:,} {many}"

    @property
    def text(self) -> str:
        """What it happened to."""
        more = self.count - len(self.lines)
        return "\n".join([*self.lines, *([f"and {more:,} more"] if more > 0 else [])])


def notice_of(call: HookCall, download: Download | None) -> Notice:
    """Return the notice of one event."""
    if (run := call.run) is not None:
        line = f"{run.done:,} done, {run.failed:,} failed"
        line += f", {rough_size(run.bytes)} in {rough_duration(run.seconds)}"
        known: dict[str, int | str] = {"done": run.done, "failed": run.failed, "bytes": run.bytes}
    elif (disk := call.disk) is not None:
        line = f"{rough_size(disk.free)} are free in {one_line(cut(disk.directory, 400))}"
        line += "; downloads wait for room"
        known = {"directory": disk.directory, "free": disk.free}
    else:
        name = "" if download is None else download.name
        line = one_line(cut(name, _LONGEST_NAME)) or (call.download_id or "")
        known = {"id": call.download_id or "", "name": name}
        if call.error is not None:
            line += f": {said(call.error.message)}"
            known["error_code"] = call.error.code.value
        elif download is not None and (size := download.expected_bytes) is not None:
            line += f" ({rough_size(size)})"
    return Notice(event=call.event, at=call.at, lines=(line,), facts=known)


def together(first: Notice, later: Notice) -> Notice:
    """Return one notice for two of the same event; what only one of them could say is left out."""
    return Notice(
        event=first.event,
        at=later.at,
        count=first.count + later.count,
        lines=(*first.lines, *later.lines)[:NAMED],
    )


def request_of(notice: Notice, kind: NoticeFormat, host: str) -> tuple[dict[str, str], bytes]:
    """Return the header fields and the body that tell of it; `host` is this machine's name."""
    host = host.encode("ascii", "ignore").decode()
    title = f"winch on {one_line(host)}: {notice.title}"
    if kind is NoticeFormat.NTFY:
        fields = {
            "Title": title,
            "Priority": "high" if notice.event in _URGENT else "default",
            "Tags": _TAGS[notice.event],
            "Content-Type": "text/plain; charset=utf-8",
        }
        return fields, notice.text.encode("utf-8", "replace")
    told = {
        "event": notice.event.value,
        "time": f"{notice.at:%Y-%m-%dT%H:%M:%SZ}",
        "host": host,
        "count": notice.count,
        "title": title,
        "message": notice.text,
        # What chat servers show of a webhook.
        "text": f"{title}\n{notice.text}",
        **notice.facts,
    }
    return {"Content-Type": "application/json"}, json.dumps(told).encode()
