"""What a hook is told: facts as variables of its environment, and never a word of its arguments.

What comes from a server is one line without controls or secrets, and cut; where a file lies is said
exactly. All of them are always set, so that a script may insist on each.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.bounds import cut
from core.domain.hooks import HookCall, HookEvent
from core.domain.models import Download, DownloadRecord, Status
from core.domain.names import one_line
from core.domain.redact import redact_text, redact_url

PREFIX = "WINCH_"
HOME = "WINCH_HOME"
"""Leads a winch that a hook runs to the same daemon."""
_STATES = {
    HookEvent.START: Status.ACTIVE,
    HookEvent.DONE: Status.COMPLETED,
    HookEvent.FAILED: Status.FAILED,
}
# What the manager of services says to the daemon, which a child would say back in its name.
_OF_THE_MANAGER = frozenset(
    {
        *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "MAINPID", "INVOCATION_ID"),
        *("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY"),
    }
)
_OF_STORES = ("AWS_", "AZURE_", "GOOGLE_")
"""How the variables begin that hold logins of object stores."""


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a hook has of the daemon's environment: no settings and no logins of winch's."""
    return {
        name: value
        for name, value in environment.items()
        if name == HOME or not (name.startswith((PREFIX, *_OF_STORES)) or name in _OF_THE_MANAGER)
    }


def facts(call: HookCall, download: Download | None) -> dict[str, str]:
    """Return the variables for a hook; those that do not apply, or are not known, are empty."""
    found = {
        "HOOK": call.event.hook,
        "TIME": f"{call.at:%Y-%m-%dT%H:%M:%SZ}",
        **_of_download(call, download),
        "DONE": "",
        "FAILED": "",
        "FREE": "",
        "LOW_WATER": "",
    }
    if (run := call.run) is not None:
        found |= {"DONE": str(run.done), "FAILED": str(run.failed), "SIZE": str(run.bytes)}
        found["SECONDS"] = f"{run.seconds:.1f}"
    if (disk := call.disk) is not None:
        found |= {"DIRECTORY": disk.directory, "FREE": str(disk.free)}
        found["LOW_WATER"] = str(disk.low_water)
    return {PREFIX + name: value.replace("\0", "") for name, value in found.items()}


def said(text: str) -> str:
    """Return what a server, or an error that quotes one, says: as it may be shown and handed on."""
    return cut(one_line(redact_text(text)))


def _of_download(call: HookCall, download: Download | None) -> dict[str, str]:
    error, fetched = call.error, None if download is None else download.fetched
    known = {
        "ID": call.download_id or "",
        "STATUS": _STATES[call.event].value if call.event in _STATES else "",
        "URL": "",
        "NAME": "",
        "PATH": "",
        "DIRECTORY": "",
        "GROUP": "",
        "SIZE": "",
        "SECONDS": "" if fetched is None else f"{fetched.seconds:.1f}",
        "VERDICT": "",
        "DIGEST": "",
        "ERROR": "" if error is None else said(error.message),
        "ERROR_CODE": "" if error is None else error.code.value,
        "ERROR_HINT": "" if error is None else said(error.hint),
    }
    if download is not None:
        size = download.expected_bytes
        known |= {
            "URL": one_line(redact_url(download.request.url)),
            "NAME": download.name,
            "PATH": download.path,
            "DIRECTORY": download.request.directory,
            "GROUP": cut(download.request.group or ""),
            "SIZE": "" if size is None else str(size),
            "VERDICT": said(download.resume_verdict or ""),
            "DIGEST": _digest(download),
        }
    return known


def _digest(download: Download) -> str:
    """Return the digest that a whole file was proved to have, "" where nobody knows one."""
    computed = download.digest if isinstance(download, DownloadRecord) else None
    digest = computed or download.request.checksum
    return str(digest) if digest is not None and download.status is Status.COMPLETED else ""
