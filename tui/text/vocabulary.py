"""The words for states, phases, reasons to wait, ends and settings: each is written here alone.

A word that is changed here changes everywhere: in the list, the header, the tabs, the details, the
filter language and what the commands print. What scripts and files read (JSON, the protocol) are
the values of the enums in core.domain instead: a contract, not a wording; a filter takes both. The
engine's own sentences (timelines, errors) speak those values as well, as they are stored, and what
was done ("paused 1 download") is a verb of its sentence.
"""

from __future__ import annotations

from core.domain.collections import CollectionState, Verdict
from core.domain.history import AttemptEnd
from core.domain.models import Phase, Status, WaitReason

STATES = {
    Status.PENDING: "queued",
    Status.ACTIVE: "active",
    Status.PAUSED: "paused",
    Status.COMPLETED: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
"""On the screen; filters understand these words beside the values of the enum."""

COMMAND_STATES = {
    Status.PENDING: "pending",
    Status.ACTIVE: "active",
    Status.PAUSED: "paused",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
"""In what the commands print."""

PHASES = {
    Phase.CONNECTING: "connecting",
    Phase.DOWNLOADING: "downloading",
    Phase.VERIFYING: "verifying",
    Phase.FINALIZING: "finalizing",
}

WAITS = {
    WaitReason.QUEUED: STATES[Status.PENDING],
    WaitReason.HOST_LIMIT: "host limit",
    WaitReason.NOT_ADMITTED: "held",
    WaitReason.RETRY: "retry",
    WaitReason.NO_NETWORK: "no network",
    WaitReason.DISK_LOW: "disk low",
    WaitReason.IN_USE: "in use by another winch",
}
"""Why something does not move."""

VERDICTS = {
    Verdict.WHOLE: "whole",
    Verdict.BAD: "bad",
    Verdict.MISSING: "missing",
    Verdict.PENDING: "pending",
}
"""On the files of a collection, after their number."""

COLLECTION_STATES = {
    CollectionState.READING: "reading its source",
    CollectionState.READY: "",
    CollectionState.PUBLISHING: "publishing",
    CollectionState.PUBLISHED: "published",
}
"""What a collection does as a whole; most of them nothing of their own."""

UNREADABLE = "source not readable"
"""Of a collection whose last reading came to no end."""

HIDDEN = "no final name yet"
"""Of a collection that is whole and still out of sight."""

UNNAMED = "not under its name"
"""Of a collection whose files are whole and could not get their names."""

ENDS = {
    AttemptEnd.COMPLETED: "completed",
    AttemptEnd.FAILED: "failed",
    AttemptEnd.RETRIED: "retried",
    AttemptEnd.STOPPED: "stopped",
    AttemptEnd.INTERRUPTED: "interrupted",
}
"""How an attempt ended, in the history."""

OUTCOMES = {
    AttemptEnd.COMPLETED: "the file is whole",
    AttemptEnd.FAILED: "it failed",
    AttemptEnd.RETRIED: "it failed and was tried again",
    AttemptEnd.STOPPED: "it was stopped before the file was whole",
    AttemptEnd.INTERRUPTED: "winch was ended while it ran",
}
"""The same in a sentence, where an attempt is shown in full."""

SETTINGS = {
    "downloads.directory": "where files go when nothing else is said; . is where winch was called",
    "downloads.conflict": "what to do where the file exists already",
    "downloads.preallocate": "reserve the whole file's room on the disk before the first byte",
    "downloads.recovery": "what becomes of interrupted downloads at the next start",
    "downloads.ask_after": "ask about those interrupted longer ago, such as 24h; off: never",
    "downloads.forget_done": "done ones leave the list after so long, such as 30d; files stay",
    "limits.active": "downloads that run at once",
    "limits.connections": "connections for one download",
    "limits.connections_per_host": "connections to one host, of all downloads together",
    "limits.min_split": "no stretch of a file is smaller, such as 1M",
    "limits.rate": "bytes per second for all downloads together, such as 2M; off: no limit",
    "limits.schedule": "other rates at some times of the week",
    "retry.attempts": "how often to try again",
    "retry.base": "seconds before the first new try; they double from try to try",
    "retry.cap": "the most seconds between two tries",
    "retry.retry_after_cap": "the most seconds that a server may have winch wait",
    "retry.give_up_after": "fail after so long of such waits, such as 24h; off: never",
    "network.connect_timeout": "seconds to wait for a connection",
    "network.read_timeout": "seconds to wait for the next bytes",
    "disk.low_water": "downloads stop where less than this would be left free, such as 256M",
    "disk.high_water": "and go on where so much is free; empty: a quarter more",
    "screen.theme": "the colours",
    "screen.refresh": "repaints per second; 0: 4, and 1 over SSH",
    "screen.ascii": "draw with plain characters only",
    "screen.mouse": "take the mouse; false leaves it to the terminal",
    "screen.title": "say in the terminal's title what moves",
    "screen.keys": 'keys of actions by their ids, such as toggle_pause = "F2"',
    "screen.finished": "how to call when all downloads have ended",
    "daemon.linger": "seconds that an idle daemon stays when nobody is there",
    "log.format": "how winch.log is written: text for people, json for programs",
    "metrics.file": "figures for node_exporter go here, such as /var/lib/…/winch.prom",
    "hooks.on_start": 'a program for each that starts, such as ["~/bin/started"]',
    "hooks.on_done": "a program for each file that is whole; WINCH_PATH and others tell it what",
    "hooks.on_failed": "a program for each that failed for good",
    "hooks.on_queue_done": "a program for when all have ended, and their hooks",
    "hooks.on_disk_low": "a program for when downloads wait for room on a disk",
    "hooks.timeout": "how long one may run, such as 10m",
    "hooks.concurrency": "how many run at once",
    "notify.url": "where notices are sent, such as https://ntfy.sh/TOPIC; empty: nowhere",
    "notify.format": "what is sent there: ntfy's text, or an object for a webhook",
    "notify.events": "what they are of: start, done, failed, queue_done, disk_low",
}
"""What each setting is for, for the person who looks at it."""
