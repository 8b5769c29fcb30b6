"""The machines of config.toml, one `[hosts.NAME]` each: tables become settings, and back.

What is wrong with one is said with its line, before any program is run for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from core.domain.errors import ConfigError, UsageError
from core.domain.host_names import (
    MOST_HOSTS,
    check_host_name,
    check_host_program,
    check_host_words,
)
from core.domain.settings import HostSettings

_SECTION = "hosts"
_KEYS = ("ssh", "winch")
_EXAMPLE = 'write [hosts.server] and ssh = ["ssh", "me@server"]'

Where = Callable[..., str]
"""Where something stands in the file, by the names that lead to it."""


def read_hosts(table: object, where: Where) -> dict[str, HostSettings]:
    """Return the machines by their names; raises ConfigError naming the place."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where(_SECTION)}: hosts is a section", hint=_EXAMPLE)
    if len(table) > MOST_HOSTS:
        raise ConfigError(f"{where(_SECTION)}: [hosts] names more than {MOST_HOSTS:,} machines")
    return {name: _host(name, value, where) for name, value in table.items()}


def host_lines(hosts: Mapping[str, HostSettings]) -> list[str]:
    """Return the machines as lines of a config.toml."""
    lines = []
    for name, host in hosts.items():
        lines += ["", f'[hosts."{name}"]']
        if host.ssh is not None:
            lines.append(f"ssh = {json.dumps(host.ssh, ensure_ascii=False)}")
        lines.append(f"winch = {json.dumps(host.winch, ensure_ascii=False)}")
    return lines


def _host(name: str, value: object, where: Where) -> HostSettings:
    try:
        check_host_name(name)
    except UsageError as error:
        raise ConfigError(f"{where(_SECTION, name)}: {error.message}", hint=error.hint) from None
    if not isinstance(value, dict):
        raise ConfigError(
            f"{where(_SECTION, name)}: each machine of [hosts] has a section of its own",
            hint=_EXAMPLE,
        )
    for key in value:
        if key not in _KEYS:
            raise ConfigError(
                f"{where(_SECTION, name, key)}: there is no setting {key} in the section"
                f" [hosts.{name}]",
                hint=f"there are: {', '.join(_KEYS)}",
            )
    ssh = value.get("ssh")
    if ssh is not None and not (isinstance(ssh, list) and all(isinstance(w, str) for w in ssh)):
        raise ConfigError(
            f"{where(_SECTION, name, 'ssh')}: hosts.{name}.ssh must be a list of texts,"
            f" not {ssh!r}"[:400],
            hint='write it as ssh = ["ssh", "-p", "2222", "me@server"]',
        )
    winch = value.get("winch", HostSettings().winch)
    if not isinstance(winch, str):
        raise ConfigError(
            f'{where(_SECTION, name, "winch")}: hosts.{name}.winch must be text in quotes ("…"),'
            f" not {winch!r}"[:400]
        )
    key = "ssh"
    try:
        if ssh is not None:
            check_host_words(ssh)
        key = "winch"
        check_host_program(winch)
    except UsageError as error:
        raise ConfigError(
            f"{where(_SECTION, name, key)}: hosts.{name}.{key}: {error.message}", hint=error.hint
        ) from None
    return HostSettings(ssh=None if ssh is None else tuple(ssh), winch=winch)
