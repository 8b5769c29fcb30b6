"""What each setting is for, in a few words for the person who looks at it."""

from __future__ import annotations

WORDS = {
    "downloads.directory": "where files go when nothing else is said; . is where winch was called",
    "downloads.conflict": "what to do where the file exists already",
    "downloads.preallocate": "reserve the whole file's room on the disk before the first byte",
    "downloads.recovery": "what becomes of interrupted downloads at the next start",
    "downloads.ask_after": "ask about those interrupted longer ago, such as 24h; off: never",
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
}
