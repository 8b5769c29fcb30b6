"""Whether a place is ours alone: who else could change what winch keeps there, or swap it.

After the example of ssh's StrictModes: the file, and every directory on the way to it up to the
home directory, belong to us or to root, and nobody else can write there. A directory like /tmp, in
which nobody can rename what is another's (sticky), is a safe way.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from core.domain.errors import StateError

ROOT = 0
_OVERFLOW = 65534
_ALL_MAPPED = ["0", "0", "4294967295"]


def check_place(path: Path, *, owners: Collection[int] = ()) -> None:
    """Raise StateError where a directory, or one on the way to it, is not safe from others.

    Links are followed: where they lead counts. What is missing is no danger, but the way to it is.
    The directory itself belongs to us, or to one of `owners`.
    """
    me = os.geteuid()
    try:
        real = path.resolve()
        if (found := _look(real)) and (reason := weakness(found, {me, *owners})):
            raise StateError(f"{path} {reason}", hint=mend(found, path))
        for link in _links(path):
            if (owner := link.lstat().st_uid) not in (me, ROOT) and not _is_unmapped(owner):
                raise StateError(
                    f"{link}, a link which leads to {path}, belongs to {_user(owner)}",
                    hint="set WINCH_HOME to a directory of your own, by a way that nobody can turn",
                )
        for directory in _way(path, real):
            found = _look(directory)
            if found is None or stat.S_ISLNK(found.st_mode) or _is_unmapped(found.st_uid):
                continue
            if reason := weakness(found, {me, ROOT}, sticky=True):
                raise StateError(
                    f"{directory}, which leads to {path}, {reason}", hint=mend(found, directory)
                )
    except (OSError, RuntimeError) as error:
        # Links in a circle are a RuntimeError up to Python 3.12.
        reason = getattr(error, "strerror", None) or "its links lead in a circle"
        raise StateError(f"{path} cannot be read: {reason}") from error


def weakness(found: os.stat_result, owners: Collection[int], *, sticky: bool = False) -> str | None:
    """Return who else has a hand on a file, None where nobody has.

    `sticky` tells that a directory may be open to all where each can rename only what is his. A
    group that has nobody but its user in it is no one else (Debian and Fedora make such groups).
    """
    if found.st_uid not in owners:
        return f"belongs to {_user(found.st_uid)}"
    if sticky and found.st_mode & stat.S_ISVTX:
        return None
    if found.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if found.st_mode & stat.S_IWGRP and not _is_nobody_elses(found.st_gid):
        return "can be written by its group"
    return None


def _way(path: Path, real: Path) -> list[Path]:
    """Return the directories on the way, from the top, none above the home directory."""
    start = path.parent.resolve()
    way = {start, *start.parents, *real.parents}
    with suppress(RuntimeError, OSError):
        way -= set(Path.home().resolve().parents)
    return sorted(way)


def _links(path: Path) -> list[Path]:
    """Return the links on the way, those behind links included; they lead in no circle.

    In a directory that is open to all each can turn his own, whatever it leads to just now.
    """
    found: list[Path] = []
    waiting = [path.absolute()]
    while waiting:
        place = waiting.pop()
        for each in (place, *place.parents):
            if each.is_symlink() and each not in found:
                found.append(each)
                waiting.append(each.parent / each.readlink())
    return found


def _look(path: Path) -> os.stat_result | None:
    with suppress(FileNotFoundError, NotADirectoryError):
        return path.stat()
    return None


def mend(found: os.stat_result, path: Path) -> str:
    """Return what a person can do about a weakness."""
    me = os.geteuid()
    if found.st_uid in (me, ROOT):
        return f"chmod go-w '{path}' makes it safe; or set WINCH_HOME to a directory of your own"
    if me == ROOT:
        return "use `sudo -H`, so that HOME is root's own; or set WINCH_HOME to one of root's"
    return f"set WINCH_HOME to a directory of your own; or: sudo chown {_user(me)} '{path}'"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@lru_cache(maxsize=16)
def _is_nobody_elses(gid: int) -> bool:
    if gid == ROOT:
        return True
    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    if me.pw_gid != gid or not set(group.gr_mem) <= {me.pw_name}:
        return False
    return all(user.pw_gid != gid or user.pw_uid == me.pw_uid for user in pwd.getpwall())


@lru_cache(maxsize=16)
def _is_unmapped(uid: int) -> bool:
    """Tell whether an owner is unknown in here: in a container the machine's root may be."""
    if uid != _OVERFLOW:
        return False
    with suppress(OSError):
        return Path("/proc/self/uid_map").read_text("ascii").split() != _ALL_MAPPED
    return False
