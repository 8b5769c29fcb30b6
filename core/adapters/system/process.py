"""Another process of this machine: which one it is, how to end the right one, and asking one.

A number alone is no name: once its process has ended, another gets it. The moment at which a
process was born tells the two apart.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from core.domain.errors import DaemonError
from core.domain.value import Value

_STATISTICS = Path("/proc/self/stat")
_STARTED = 19
"""Where proc(5) has the birth, counted from the field behind the name."""
_PATIENCE = 5.0


class Surroundings(Value, frozen=True):
    """What a process was started with: its variables, its umask, its command line."""

    environment: dict[str, str]
    umask: int
    command: tuple[str, ...]


def surroundings_of(pid: int) -> Surroundings | None:
    """Return what a process of this user was started with; None where the kernel does not tell."""
    there = Path(f"/proc/{pid}")
    try:
        variables = (there / "environ").read_bytes().split(b"\0")
        command = (there / "cmdline").read_bytes().split(b"\0")
        status = (there / "status").read_text(errors="replace").splitlines()
    except OSError:
        return None
    umask = next((line.split()[1] for line in status if line.startswith("Umask:")), "077")
    pairs = (os.fsdecode(variable).partition("=") for variable in variables if b"=" in variable)
    return Surroundings(
        environment={name: value for name, _, value in pairs},
        umask=int(umask, 8),
        command=tuple(os.fsdecode(word) for word in command if word),
    )


def birth(pid: int) -> str | None:
    """Return when a process was born, in the kernel's words; None where it cannot be told.

    It is the same text for as long as the process lives, whatever becomes of the wall clock.
    """
    if _STATISTICS.exists():
        with suppress(OSError, IndexError):
            # The name is in parentheses and may hold anything, those included.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            return fields[_STARTED].decode("ascii", "replace")
        return None
    with suppress(OSError, subprocess.TimeoutExpired):
        asked = subprocess.run(  # noqa: S603 (a number is all that comes from elsewhere)
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
        return asked.stdout.strip() or None
    return None


def send(pid: int, number: signal.Signals, *, born: str | None) -> bool:
    """Send a signal to a process; False where it is gone, or its number is another's by now.

    `born` is what `birth` has said of it, None where nobody wrote that down. Raises DaemonError
    where the process belongs to somebody else.
    """
    if pid <= 1 or pid == os.getpid():
        return False
    handle = -1
    try:
        if hasattr(os, "pidfd_open"):
            # Held first and looked at then: in between the number cannot change its owner.
            handle = os.pidfd_open(pid)
        if born is not None and birth(pid) != born:
            return False
        if handle >= 0:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise DaemonError(
            f"process {pid} belongs to somebody else, and may not be ended from here",
            hint="whoever started it can end it with `winch daemon stop`",
        ) from None
    finally:
        if handle >= 0:
            os.close(handle)
    return True


def ask(
    words: Sequence[str], environment: Mapping[str, str], *, patience: float, content: bytes = b""
) -> subprocess.CompletedProcess[bytes] | None:
    """Run a program of the system's to its end, with `content` as its stdin; blocks.

    None where it is not here, or takes longer than `patience` seconds.
    """
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(  # noqa: S603 (found by PATH; no shell reads the words)
            words,
            input=content,
            capture_output=True,
            timeout=patience,
            check=False,
            env={**environment, "LC_ALL": "C"},
        )
    return None


def said(found: subprocess.CompletedProcess[bytes] | None) -> str:
    """Return the last line that a program has said about its failure."""
    if found is None:
        return "it is not here, or does not answer"
    lines = found.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with {found.returncode}"
