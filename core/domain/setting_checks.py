"""Which values a setting may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.domain.checks import check_url
from core.domain.errors import ConfigError, UsageError
from core.domain.hooks import HookEvent, check_command
from core.domain.units import parse_duration, parse_duration_or_off, parse_rate, parse_size

if TYPE_CHECKING:
    from core.domain.settings import Settings

_SHORTEST_SIGHT = 60.0
_LONGEST_HOOK = 7 * 86_400.0
_BOUNDS: dict[str, tuple[float, float]] = {
    "limits.active": (1, 10_000),
    "limits.connections": (1, 32),
    "limits.connections_per_host": (1, 1000),
    "retry.attempts": (0, 1_000_000),
    "retry.base": (0.0, 3600.0),
    "retry.cap": (0.0, 86_400.0),
    "retry.retry_after_cap": (0.0, 86_400.0),
    "network.connect_timeout": (0.1, 3600.0),
    "network.read_timeout": (0.1, 86_400.0),
    "screen.refresh": (0.0, 60.0),
    "daemon.linger": (0.0, 31_536_000.0),
    "hooks.concurrency": (1, 64),
}


def check_settings(settings: Settings) -> None:
    """Raise ConfigError where a setting has a value that it may not have."""
    for name, check_text in _TEXT_CHECKS.items():
        try:
            check_text(settings.value_of(name))
        except UsageError as error:
            raise ConfigError(f"{name}: {error.message}", hint=error.hint) from None
    forget_done = settings.downloads.forget_done_seconds
    if forget_done is not None and forget_done < _SHORTEST_SIGHT:
        raise ConfigError(
            f"downloads.forget_done: {settings.downloads.forget_done} is too short to see what is"
            " done",
            hint="write 1m or more, such as 30d, or off",
        )
    for number, entry in enumerate(settings.limits.schedule, start=1):
        try:
            _ = entry.weekdays, entry.minutes, entry.rate_bytes
        except UsageError as error:
            raise ConfigError(
                f"[[limits.schedule]] number {number}: {error.message}", hint=error.hint
            ) from None
    try:
        low_water, high_water = settings.disk.low_bytes, settings.disk.high_bytes
    except UsageError as error:
        raise ConfigError(f"[disk]: {error.message}", hint=error.hint) from None
    if high_water < low_water:
        raise ConfigError(
            f"disk.high_water ({settings.disk.high_water}) is below disk.low_water"
            f" ({settings.disk.low_water})",
            hint="leave high_water out to have it follow low_water",
        )
    for name, (low, high) in _BOUNDS.items():
        if not low <= (value := settings.value_of(name)) <= high:
            raise ConfigError(f"{name} is {value}, but must lie between {low} and {high}")


def check_limit(name: str, value: int) -> None:
    """Raise UsageError where a setting of `[limits]` may not have this value."""
    low, high = _BOUNDS[f"limits.{name}"]
    if not low <= value <= high:
        raise UsageError(f"{name.replace('_', ' ')}: {value} does not lie between {low} and {high}")


def _metrics_file(text: str) -> str:
    if text and not (text.startswith("/") and text.endswith(".prom") and "\0" not in text):
        raise UsageError(
            f"'{text}' is no path that begins with / and ends with .prom",
            hint="node_exporter reads nothing else, and what is there is replaced",
        )
    return text


def _time_limit(text: str) -> None:
    if not 1.0 <= parse_duration(text) <= _LONGEST_HOOK:
        raise UsageError(f"{text} does not lie between 1s and 7d")


def _address(text: str) -> None:
    if text:
        check_url(text)
    if text and not text.lower().startswith(("http://", "https://")):
        raise UsageError("it is no http or https address", hint="such as https://ntfy.sh/TOPIC")


_TEXT_CHECKS: dict[str, Callable[[Any], object]] = {
    "limits.min_split": parse_size,
    "limits.rate": parse_rate,
    "downloads.ask_after": parse_duration_or_off,
    "retry.give_up_after": parse_duration_or_off,
    "downloads.forget_done": parse_duration_or_off,
    "metrics.file": _metrics_file,
    **{f"hooks.{event.hook}": check_command for event in HookEvent},
    "hooks.timeout": _time_limit,
    "notify.url": _address,
}
"""What raises UsageError for a value that a setting may not have; what it returns is not used."""
