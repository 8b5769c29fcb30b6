"""What the machine is to start for this state directory, and what of our environment it needs.

A shell tells its programs much that a service manager does not. What decides where things are and
who is asked is written down; secrets never are, as others may read what they would be written into.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from core.adapters.files.part_owner import directory_mode
from core.adapters.system.paths import Paths
from core.adapters.system.unit_files import Program
from core.domain.errors import DaemonError

_TAKEN = (
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "TZ",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
_ADDRESSES = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
)
_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def service_name(paths: Paths) -> str:
    """Return the name of what starts the daemon of a state directory, and of no other one."""
    home = _account_home()
    if home is not None and paths.state_dir == Paths.usual_state_dir(home):
        return "winch"
    return f"winch-{hashlib.sha256(os.fsencode(paths.state_dir)).hexdigest()[:8]}"


def started_program(paths: Paths, environment: Mapping[str, str]) -> tuple[Program, list[str]]:
    """Return what is to be started, and which variables that matter here it will not have.

    Raises DaemonError for a path that cannot be written down.
    """
    taken = {name: environment[name] for name in _TAKEN if environment.get(name)}
    left = [name for name in _SECRET if environment.get(name)]
    for name in _ADDRESSES:
        if value := environment.get(name):
            if _has_login(value):
                left.append(name)
            else:
                taken[name] = value
    if home := environment.get("WINCH_HOME"):
        taken["WINCH_HOME"] = str(Path(home).expanduser().absolute())
    left += [name for name in environment if name.startswith("WINCH_") and name != "WINCH_HOME"]
    if (home := environment.get("HOME")) and Path(home) != _account_home():
        taken["HOME"] = home
    if paths.has_short_run_dir and (directory := environment.get("TMPDIR")):
        taken["TMPDIR"] = directory
    # Hooks find what the person finds; what is relative leads nowhere.
    found = [part for part in environment.get("PATH", "").split(os.pathsep) if part[:1] == "/"]
    if found:
        taken["PATH"] = os.pathsep.join(dict.fromkeys(found))
    odd = [name for name, value in taken.items() if not _can_be_written(value)]
    program = Program(
        name=service_name(paths),
        state_dir=str(paths.state_dir),
        words=(*_entry(), "daemon", "run"),
        environment={name: value for name, value in taken.items() if name not in odd},
        umask=0o777 & ~directory_mode(),
    )
    if not all(map(_can_be_written, program.words)) or "WINCH_HOME" in odd or "HOME" in odd:
        raise DaemonError(
            "the path of winch or of its state is no plain text, and cannot be written down",
            hint="a path without line breaks, of Unicode characters, can be",
        )
    return program, sorted({*left, *odd})


def missing_program(words: list[str]) -> str | None:
    """Return which file that is needed to start a program is gone, None where all are there."""
    if not words:
        return "the program"
    path = Path(words[0])
    if not os.access(path, os.X_OK):
        return str(path)
    head = b""
    # One may be run by who may not read it.
    with suppress(OSError), path.open("rb") as file:
        head = file.readline(1024)
    if not head.startswith(b"#!"):
        return None
    interpreter = os.fsdecode(b"".join(head[2:].split()[:1]))
    return None if os.access(interpreter, os.X_OK) else interpreter


def _entry() -> tuple[str, ...]:
    """Return what starts winch: as it was called, and not the module, which an update may move."""
    called = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("winch")
    elsewhere = shutil.which("winch")
    for path in (called, beside, *([Path(elsewhere)] if elsewhere else [])):
        if path.name == "winch" and path.is_file() and os.access(path, os.X_OK):
            return (str(path.absolute()),)
    return (sys.executable, "-P", "-c", "from tui.cli.main import main; main()")


def _has_login(address: str) -> bool:
    try:
        return "@" in (urlsplit(address).netloc or address)
    except ValueError:
        return True


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not any(char < " " or char == "\x7f" for char in text)


def _account_home() -> Path | None:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
