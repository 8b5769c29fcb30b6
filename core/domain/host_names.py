"""How machines are named whose daemon is driven from here, and what may be run to reach one.

What a person writes for a machine becomes a word of the command line of ssh. One that ssh would
take for an option runs programs (CVE-2017-1000117), and one with signs of the shell does so where
the configuration of ssh hands it on (CVE-2023-51385).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.domain.bounds import cut
from core.domain.errors import UsageError
from core.domain.machines import Host
from core.domain.settings import Settings

ALL = "all"
"""Stands for all machines of config.toml."""
MOST_HOSTS = 1000
"""Machines that config.toml may name, or one command."""
_LONGEST = 255
_MOST_WORDS = 100
_MOST_CHARACTERS = 4096
_NAME = re.compile(r"\w[\w.-]{0,63}")
# Of these, OpenSSH 9.6 takes none in what is typed.
_OF_A_SHELL = re.compile(r"[\s'\"`$\\;&<>|(){}*?!]")
_SSH = re.compile(r"(?:.*/)?ssh")


def check_host_name(name: str) -> None:
    """Raise UsageError unless a machine in config.toml can be called this."""
    if name == ALL:
        raise UsageError(
            "no machine can be called 'all'", hint="`-H all` means all of them: rename it"
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"no machine can be called '{_shown(name)}'",
            hint="a name has letters, digits, '.', '_' and '-', at most 64, and begins with none"
            " of the signs",
        )


def check_destination(text: str) -> None:
    """Raise UsageError unless ssh would take this for a machine and for nothing else."""
    if not text:
        raise UsageError("there is no host", hint="write -H me@server, or a name of [hosts]")
    if len(text) > _LONGEST:
        raise UsageError(f"a host of {len(text):,} characters is too long")
    if not text.isprintable() or _OF_A_SHELL.search(text):
        raise UsageError(
            f"'{_shown(text)}' is no host: it holds a space, a control character or a sign of the"
            " shell",
            hint="write -H me@server; what ssh needs besides stands in ~/.ssh/config or [hosts]",
        )
    # Also behind what may stand before it: "me@-oProxyCommand=…", "ssh://-oProxyCommand=…".
    host = text.removeprefix("ssh://").rpartition("@")[2]
    if text.startswith("-") or host.startswith("-"):
        raise UsageError(
            f"'{_shown(text)}' is no host: ssh would take it for an option",
            hint="options of ssh stand in ~/.ssh/config, or in [hosts.NAME] of config.toml",
        )


def check_host_words(words: Sequence[str]) -> None:
    """Raise UsageError unless this can be run to reach a machine."""
    if not words:
        raise UsageError("it names no program", hint='write ssh = ["ssh", "me@server"]')
    if len(words) > _MOST_WORDS or sum(map(len, words)) > _MOST_CHARACTERS:
        raise UsageError(
            f"it has more than {_MOST_WORDS} words or {_MOST_CHARACTERS:,} characters",
            hint="put the options into ~/.ssh/config",
        )
    if not all(map(str.isprintable, words)):
        raise UsageError("it holds a control character")
    if not words[0] or words[0].startswith("-"):
        raise UsageError("its first word is the program", hint='write ssh = ["ssh", "me@server"]')
    if _SSH.fullmatch(words[0]) and (len(words) == 1 or words[-1].startswith("-")):
        raise UsageError(
            "it names no machine for ssh", hint='the last word does: ["ssh", "me@server"]'
        )


def check_host_program(text: str) -> None:
    """Raise UsageError unless the shell of another machine can be told this to start winch."""
    if not text.strip():
        raise UsageError("it is empty", hint='leave it out, or write "~/.local/bin/winch"')
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(f"it has more than {_MOST_CHARACTERS:,} characters")
    if not text.isprintable():
        raise UsageError("it holds a control character")


def host_named(text: str, settings: Settings) -> Host:
    """Return the machine of config.toml that has this name, else the one that ssh takes for it.

    Raises UsageError.
    """
    if (found := settings.hosts.get(text)) is None:
        check_destination(text)
        return Host(name=text, ssh=("ssh", text))
    return Host(name=text, ssh=found.ssh or ("ssh", text), winch=found.winch)


def hosts_named(text: str, settings: Settings) -> list[Host]:
    """Return what `-H a,b` names, each once, or for `all` those of config.toml; UsageError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if names == [ALL]:
        names = list(settings.hosts)
        if not names:
            raise UsageError(
                "config.toml names no hosts",
                hint='write [hosts.server] and ssh = ["ssh", "me@server"] into it',
            )
    if ALL in names:
        raise UsageError("'all' are all hosts of config.toml", hint="name no others beside it")
    if len(names) > MOST_HOSTS:
        raise UsageError(f"{len(names):,} hosts are too many", hint=f"{MOST_HOSTS:,} are allowed")
    return [host_named(name, settings) for name in names]


def _shown(text: str) -> str:
    return cut(text, 80)
