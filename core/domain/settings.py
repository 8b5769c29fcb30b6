"""Every setting with its default; config.toml and WINCH_<SECTION>_<KEY> fill them.

A setting exists once something obeys it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from core.domain.hooks import HookEvent, NoticeFormat
from core.domain.models import Conflict
from core.domain.redact import redact_url
from core.domain.setting_checks import check_settings
from core.domain.units import (
    parse_days,
    parse_duration,
    parse_duration_or_off,
    parse_rate,
    parse_size,
    parse_time,
)
from core.domain.value import Value, field, field_names


class RecoveryMode(StrEnum):
    """What becomes of downloads that were under way when winch ended."""

    RESUME = "resume"
    ASK = "ask"
    PAUSE = "pause"


class FinishedAlert(StrEnum):
    """How the screen calls for the person when the last download has ended."""

    BELL = "bell"
    NOTIFY = "notify"
    OFF = "off"


class DownloadSettings(Value, frozen=True, kw_only=True):
    """`directory` is where files go when a command names none; `.` is where it was called from.

    `conflict` says what to do where the file exists. With `preallocate` its blocks are reserved
    before the first byte, where the file system can. `recovery` says what becomes of downloads
    that were under way when winch ended; after more than `ask_after` (`off`: never) they are not
    resumed without a word. What has been done for `forget_done` (`off`: never) leaves the list; its
    file stays.
    """

    directory: str = "."
    conflict: Conflict = Conflict.RENAME
    preallocate: bool = False
    recovery: RecoveryMode = RecoveryMode.RESUME
    ask_after: str = "24h"
    forget_done: str = "off"

    @property
    def ask_after_seconds(self) -> float | None:
        """The age of an interruption from which on a person is asked, None for never."""
        return parse_duration_or_off(self.ask_after)

    @property
    def forget_done_seconds(self) -> float | None:
        """How long ago a download was done that leaves the list, None for never."""
        return parse_duration_or_off(self.forget_done)


class ScheduleEntry(Value, frozen=True, kw_only=True):
    """A stretch of the week with a rate of its own, one `[[limits.schedule]]` of config.toml.

    `start` and `end` are local times `HH:MM`, called `from` and `to` there. An end that is not
    after the start is on the next day: the stretch belongs to the day on which it begins.
    """

    start: str
    end: str
    rate: str
    days: str = "mon-sun"

    @property
    def weekdays(self) -> frozenset[int]:
        """The days on which it begins, Monday is 0."""
        return parse_days(self.days)

    @property
    def minutes(self) -> tuple[int, int]:
        """When it begins and ends, in minutes after the midnight before its beginning."""
        start, end = parse_time(self.start), parse_time(self.end)
        return start, end if end > start else end + 24 * 60

    @property
    def rate_bytes(self) -> int | None:
        """The limit of all downloads together in bytes/s, None for none."""
        return parse_rate(self.rate)


class LimitSettings(Value, frozen=True, kw_only=True):
    """How much may happen at once.

    `connections` is for one download, `connections_per_host` for all of them together; a file is
    not split into stretches below `min_split`. At the times of the `schedule` its rates hold
    instead of `rate`.
    """

    active: int = 4
    connections: int = 8
    connections_per_host: int = 8
    min_split: str = "1M"
    rate: str = "off"
    schedule: tuple[ScheduleEntry, ...] = ()

    @property
    def min_split_bytes(self) -> int:
        """The smallest stretch, in bytes."""
        return max(1, parse_size(self.min_split))

    @property
    def rate_bytes(self) -> int | None:
        """The limit of all downloads together in bytes/s, None for none."""
        return parse_rate(self.rate)


class RetrySettings(Value, frozen=True, kw_only=True):
    """How often and how long to try again: `base` and `cap` in seconds, doubling in between.

    A wait that the server asks for (Retry-After) uses up no attempt: where nothing else comes for
    `give_up_after` (`off`: for ever), the download fails.
    """

    attempts: int = 10
    base: float = 1.0
    cap: float = 120.0
    retry_after_cap: float = 3600.0
    give_up_after: str = "24h"

    @property
    def give_up_after_seconds(self) -> float | None:
        """How long a server may put a download off, None for ever."""
        return parse_duration_or_off(self.give_up_after)


class NetworkSettings(Value, frozen=True, kw_only=True):
    """Seconds to wait for a connection and for the next bytes."""

    connect_timeout: float = 20.0
    read_timeout: float = 60.0


class DiskSettings(Value, frozen=True, kw_only=True):
    """How much of each file system stays free, as sizes.

    Downloads stop where less than `low_water` would be left and go on by themselves once there is
    `high_water`; empty, that is a quarter more than the low one.
    """

    low_water: str = "256M"
    high_water: str = ""

    @property
    def low_bytes(self) -> int:
        """The low-water mark in bytes."""
        return parse_size(self.low_water)

    @property
    def high_bytes(self) -> int:
        """The high-water mark in bytes."""
        return parse_size(self.high_water) if self.high_water else self.low_bytes * 5 // 4


class ScreenSettings(Value, frozen=True, kw_only=True):
    """`refresh` is repaints per second, 0 lets the screen choose (4 locally, 1 over SSH).

    `ascii` draws with plain characters only, which a terminal without UTF-8 gets in any case. With
    `title` the terminal's title says what moves; `finished` is how it calls when all has ended.
    `keys` gives actions of the screen other keys, by their ids.
    """

    theme: str = "winch-dark"
    refresh: float = 0.0
    ascii: bool = False
    mouse: bool = True
    title: bool = True
    finished: FinishedAlert = FinishedAlert.BELL
    keys: Mapping[str, str] = field(default_factory=dict)


class DaemonSettings(Value, frozen=True, kw_only=True):
    """`linger`: seconds an idle daemon without clients stays."""

    linger: float = 60.0


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class LogSettings(Value, frozen=True, kw_only=True):
    """`format` is how the lines of winch.log are written: for people, or as a JSON object each."""

    format: LogFormat = LogFormat.TEXT


class MetricsSettings(Value, frozen=True, kw_only=True):
    """`file` is where the figures are written for node_exporter, with its path; empty: nowhere."""

    file: str = ""


class HookSettings(Value, frozen=True, kw_only=True):
    """Programs of the person's own, each with its arguments, for what happens; empty for none.

    No shell reads them. One that runs longer than `timeout` is ended; `concurrency` run at once.
    """

    on_start: tuple[str, ...] = ()
    on_done: tuple[str, ...] = ()
    on_failed: tuple[str, ...] = ()
    on_queue_done: tuple[str, ...] = ()
    on_disk_low: tuple[str, ...] = ()
    timeout: str = "10m"
    concurrency: int = 2

    @property
    def timeout_seconds(self) -> float:
        """How long one may run."""
        return parse_duration(self.timeout)

    def command(self, event: HookEvent) -> tuple[str, ...]:
        """Return what runs for an event, empty for nothing."""
        match event:
            case HookEvent.START:
                return self.on_start
            case HookEvent.DONE:
                return self.on_done
            case HookEvent.FAILED:
                return self.on_failed
            case HookEvent.QUEUE_DONE:
                return self.on_queue_done
            case HookEvent.DISK_LOW:
                return self.on_disk_low


class NotifySettings(Value, frozen=True, kw_only=True):
    """Where a notice is sent of these `events`, and as what; an empty `url` sends none.

    A name and a password in the address log in there.
    """

    url: str = ""
    format: NoticeFormat = NoticeFormat.NTFY
    events: tuple[HookEvent, ...] = (HookEvent.FAILED, HookEvent.QUEUE_DONE, HookEvent.DISK_LOW)


class HostSettings(Value, frozen=True, kw_only=True):
    """A machine that `-H` reaches, one `[hosts.NAME]` of config.toml.

    `ssh` is what is run for it, up to and with the destination; without it that is `ssh NAME`.
    `winch` is the program there, as the shell of that machine reads it.
    """

    ssh: tuple[str, ...] | None = None
    winch: str = "winch"


class Settings(Value, frozen=True, kw_only=True):
    """All settings, by section; what they hold is checked when they are made (ConfigError).

    `hosts` are by their names, and checked where they are read.
    """

    downloads: DownloadSettings = field(default_factory=DownloadSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    disk: DiskSettings = field(default_factory=DiskSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    hooks: HookSettings = field(default_factory=HookSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    hosts: Mapping[str, HostSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_settings(self)

    def value_of(self, name: str) -> Any:
        """Return the value of a setting by its name (`limits.rate`)."""
        section, _, key = name.partition(".")
        return getattr(getattr(self, section), key)


def text_of(value: object) -> str:
    """Return a value of a setting as a person types it, an address without its login."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case str() if "://" in value:
            return redact_url(value)
        case str() | int():
            return str(value)
        case tuple() if value and all(isinstance(each, str) for each in value):
            return "[" + ", ".join(f'"{each}"' for each in value) + "]"
        case tuple() | dict():
            count = len(value)
            return f"{count} {'entry' if count == 1 else 'entries'}" if count else "none"
    return str(value)


@cache
def sections() -> dict[str, tuple[str, ...]]:
    """Return the name of every section with the names of its keys, where these are always alike."""
    return {
        section: field_names(value)
        for section in field_names(Settings)
        if isinstance(value := getattr(Settings(), section), Value)
    }
