"""What is written for the machine to start the daemon by: a systemd unit, a launchd agent, a line
of a crontab; how each of them quotes, and how a file of ours is told from a person's own.
"""

from __future__ import annotations

import hashlib
import os
import plistlib
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.adapters.files.atomic_file import state_error, write_atomically
from core.adapters.files.named_file import read_named
from core.domain.errors import DaemonError
from core.domain.value import Value

MARK = "winch: written by `winch daemon install`"
"""What tells a file of ours from a person's own of the same name."""
_MOST_OF_CRON = 900
"""Bytes of a command in a crontab: of more than a thousand, some crons cut the end off."""
_MOST_BYTES = 64 * 1024
_HEAD = 3
"""Lines in which the mark has to be: a property list says two others first."""
_DIGITS = 16
_UNSEALED = f"digest {'0' * _DIGITS}"
_DIGEST = re.compile(rf"digest [0-9a-f]{{{_DIGITS}}}")
_FIRST = f"{MARK} ({_UNSEALED}); `winch daemon uninstall` removes it."


class Program(Value, frozen=True, kw_only=True):
    """What is started, in which environment; `name` is the unit's, one for each state directory."""

    name: str
    state_dir: str
    words: tuple[str, ...]
    environment: dict[str, str]
    umask: int


def written_by_us(file: Path) -> str | None:
    """Return the text of a file that `install_file` has written; None where there is none."""
    if file.is_symlink():
        return None
    with suppress(OSError):
        text = read_named(file, most=_MOST_BYTES).decode("utf-8", "replace")
        if any(MARK in line for line in text.splitlines()[:_HEAD]):
            return text
    return None


def keep_edited(file: Path) -> Path | None:
    """Copy a file of ours that somebody has edited, as FILE~, and return where; None for any other.

    It is told by its digest from one that an older winch has written. Raises StateError.
    """
    if (text := written_by_us(file)) is None:
        return None
    unsealed, digests = _DIGEST.subn(_UNSEALED, text, count=1)
    if digests and _sealed(unsealed) == text:
        return None
    kept = file.with_name(f"{file.name}~")
    try:
        write_atomically(kept, (text.encode(),))
    except OSError as error:
        raise state_error(error, kept, verb="written") from error
    return kept


def install_file(
    file: Path, text: str, *, enable: Callable[[], None], take_back: Callable[[], object]
) -> bool:
    """Write a file of ours and have it enabled; False where it was there already, the same.

    What was begun is taken back where it cannot be enabled, and nothing was there before. Raises
    DaemonError, also where there is a file of a person's own, and StateError.
    """
    before = written_by_us(file)
    if before is None and os.path.lexists(file):
        raise DaemonError(
            f"{file} is there already, and not written by winch",
            hint="move it away, or keep it: `winch daemon run` is what it has to start",
        )
    if before != text:
        try:
            write_atomically(file, (text.encode(),))
        except OSError as error:
            raise state_error(error, file, verb="written") from error
    try:
        enable()
    except DaemonError:
        if before is None:
            take_back()
        raise
    return before != text


def systemd_unit(program: Program) -> str:
    """Return a unit for the user's systemd; see systemd.service(5), systemd.exec(5)."""
    environment = "".join(
        f"Environment={_systemd_word(f'{name}={value}')}\n"
        for name, value in program.environment.items()
    )
    words = program.words
    if set(words[0]) & set("\"'\\"):
        # Such a path it refuses as a program, and takes as an argument of one.
        words = ("/usr/bin/env", *words)
    # Without the variables of systemd where a word holds what would begin one; that only newer
    # ones know.
    plain = ":" if any("$" in word for word in words) else ""
    return _sealed(f"""\
# {_FIRST}
# To change something: systemctl --user edit {program.name}
[Unit]
Description=winch, downloads without a terminal
# It is always tried again: nobody may be there to start it.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={plain}{" ".join(map(_systemd_word, words))}
ExecReload=/bin/kill -HUP $MAINPID
{environment}WorkingDirectory=/
UMask={program.umask:04o}
Restart=on-failure
RestartSec=1
# What is wrong with config.toml is not better the next time.
RestartPreventExitStatus=2
# An event loop that hangs for so long is replaced.
WatchdogSec=60
TimeoutStartSec=300
# It stops at a checkpoint; its hooks are its own to end.
TimeoutStopSec=60
KillMode=mixed
OOMPolicy=continue
# Memory holds logins.
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
""")


def _sealed(text: str) -> str:
    """Return a text with the digest of all of it where that is to be."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return text.replace(_UNSEALED, f"digest {digest}", 1)


def unit_words(unit: str) -> list[str]:
    """Return the program and its arguments that a unit of ours starts."""
    found = re.search(r"^ExecStart=:?(.*)$", unit, re.MULTILINE)
    if found is None:
        return []
    # Each word is quoted, by ourselves.
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])
    words = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in quoted]
    return words[1:] if words[:1] == ["/usr/bin/env"] else words


def launchd_agent(program: Program) -> bytes:
    """Return a property list for launchd; see launchd.plist(5)."""
    agent = {
        "Label": program.name,
        "ProgramArguments": list(program.words),
        "EnvironmentVariables": program.environment,
        "RunAtLoad": True,
        # Again after each end that was not asked for.
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 2,
        "ExitTimeOut": 60,
        "WorkingDirectory": "/",
        "Umask": program.umask,
    }
    head, root, rest = plistlib.dumps(agent).decode().partition("<plist")
    return _sealed(f"{head}<!-- {_FIRST} -->\n{root}{rest}").encode()


def crontab_line(program: Program) -> str:
    """Return a line for a crontab; see crontab(5).

    Raises DaemonError where it would be longer than each cron reads.
    """
    names = list(program.environment)
    # What it finds is of use to hooks only, and the shell's own is better than none at all.
    for kept in (names, [name for name in names if name != "PATH"]):
        pairs = [f"{name}={program.environment[name]}" for name in kept]
        start = ["env", *pairs, *program.words] if pairs else program.words
        command = f"umask {program.umask:04o}; exec {shlex.join(start)} >/dev/null 2>&1"
        # A percent sign would end the command there; cron takes the backslash away.
        line = f"@reboot {command.replace('%', chr(92) + '%')} {crontab_mark(program.name)}"
        if len(line.encode()) <= _MOST_OF_CRON:
            return line
    raise DaemonError(
        f"a line of {len(line.encode())} bytes is too long for a crontab",
        hint="a shorter path to winch, or WINCH_HOME, makes it shorter",
    )


def crontab_mark(name: str) -> str:
    """Return how a line of ours ends: a comment, to the shell that cron runs."""
    return f"# {name}: by 'winch daemon install'"


def _systemd_word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
