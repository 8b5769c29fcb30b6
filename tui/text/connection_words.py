"""What is said of a connection to a daemon that is not there, in one line or two."""

from __future__ import annotations

from datetime import datetime

from tui.text.fmt import clean


def loss_words(
    since: datetime, reason: str, *, stopped: bool, is_first: bool, restart_key: str
) -> str:
    """Return what is said of the daemon of this machine; `is_first` is before it ever answered."""
    at = f"{since.astimezone():%H:%M:%S}"
    if stopped:
        return f"the daemon was stopped at {at} - {restart_key} starts it again"
    if is_first:
        return f"no connection to the daemon ({clean(reason)}) - trying again"
    return f"connection to the daemon lost since {at} - reconnecting"


def far_loss_words(
    name: str,
    since: datetime | None,
    reason: str,
    hint: str,
    next_try: datetime | None,
    *,
    stopped: bool,
    restart_key: str,
) -> str:
    """Return what is said of another machine; `since` is None where it never answered."""
    at = f"{since.astimezone():%H:%M:%S}" if since else ""
    if stopped:
        when = f" at {at}" if at else ""
        return f"the daemon on {clean(name)} was stopped{when} - {restart_key} starts it again"
    # A sentence for commands: the screen goes on by itself.
    hint = hint.removesuffix("; run the command again")
    again = f"next try {next_try.astimezone():%H:%M:%S}, " if next_try else ""
    return f"{clean(reason)} - {again}{restart_key} tries now\n{clean(hint)}".strip()
