"""The line for a shell that brings finished files of another machine here.

One form for all rsyncs since 3.0: with `-s` no shell there reads the names, so that neither a new
one, which protects them itself, nor an old one, which does not, gets them quoted twice or not at
all. What is left to quote is for the shell here, and for rsync, which splits `-e` by itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

from core.domain.errors import UsageError

_WILD = re.compile(r"[*?\[]")
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)


def rsync_line(ssh: Sequence[str], paths: Iterable[str]) -> str:
    """Return what fetches absolute `paths` into the directory where it is typed.

    `ssh` is how the machine is reached: a program with its arguments, the destination last. Raises
    UsageError where that is not of this form.
    """
    program, destination = _apart(ssh) if len(ssh) > 1 else ([], "")
    if not destination or destination.startswith("-"):
        raise UsageError(
            "the machine has no name that rsync could use",
            hint="it goes by ssh, or what takes a machine as its last word as ssh does",
        )
    words = ["rsync", "-P", "-s"]
    if program != ["ssh"]:
        words += ["-e", " ".join(map(_word_of_program, program))]
    words += [f"{destination}:{_taken_literally(path)}" for path in paths]
    return " ".join(map(_quoted, (*words, ".")))


def _apart(ssh: Sequence[str]) -> tuple[list[str], str]:
    """Return the program with its options, and the machine as rsync names one."""
    *program, destination = ssh
    if destination.startswith("ssh://"):
        found = urlsplit(destination)
        if found.port is not None:
            program += ["-p", str(found.port)]
        user, at, host = found.netloc.rpartition("@")
        host = host if found.port is None else host.rpartition(":")[0]
        return program, f"{unquote(user)}{at}{host}"
    user, at, host = destination.rpartition("@")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return program, f"{user}{at}{host}"


def _word_of_program(word: str) -> str:
    """Return a word as rsync reads it in `-e`: in quotes, where one is said by two of them."""
    return word if _PLAIN.fullmatch(word) else "'" + word.replace("'", "''") + "'"


def _taken_literally(path: str) -> str:
    """Return a path of whose signs the other rsync makes no pattern.

    It looks for one only where there is a wildcard. A backslash beside one is refused here by
    newer ones when it comes back unescaped, so that there any character is asked for instead.
    """
    if not _WILD.search(path):
        return path
    return re.sub(r"[*?\[\]]", r"\\\g<0>", path.replace("\\", "\0")).replace("\0", "?")


def _quoted(word: str) -> str:
    """Return a word for the shell here, in a line that holds no control character."""
    if word.isprintable():
        return shlex.quote(word)
    # bash, zsh, ksh and POSIX.1-2024; octal, as hexadecimal digits would go on into what follows.
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if c.isprintable() else _octal(c) for c in escaped) + "'"


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode())
