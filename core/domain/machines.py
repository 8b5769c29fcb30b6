"""Machines whose daemon is driven from another one, and what has to be known of them there."""

from __future__ import annotations

from core.domain.value import Value

MOST_DIRECTORIES = 1000
"""Names of directories that one look at a directory tells."""


class Host(Value, frozen=True, kw_only=True):
    """A machine that is reached by running a program, mostly ssh.

    `ssh` is that program with its arguments, up to and with the destination: a command line for the
    shell of that machine is put behind it. `winch` is the program there, as that shell reads it.
    """

    name: str
    ssh: tuple[str, ...]
    winch: str = "winch"


class Machine(Value, frozen=True, kw_only=True):
    """What a front end elsewhere cannot see by itself of the machine on which a service works.

    `directory` is where files go when nobody names a directory; it and `home` are absolute.
    """

    name: str
    user: str
    home: str
    directory: str
    version: str
    platform: str


class DirectoryView(Value, frozen=True, kw_only=True):
    """A look at one directory of that machine, where somebody is about to choose one.

    `free` are the bytes that its user may still write there, None with the `trouble` that keeps
    files from being made there. `directories` are the names of those in it.
    """

    path: str
    free: int | None = None
    trouble: str = ""
    directories: tuple[str, ...] = ()
