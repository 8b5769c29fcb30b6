"""`winch daemon install` and `uninstall`: have the machine start the daemon, or no longer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Coroutine
from typing import Any

from core import unattended
from core.domain.errors import DaemonError, ExitCode, StoppedError
from tui.cli.service_access import tell_broken_settings
from tui.cli.terminal import confirm, out, say, say_step
from tui.text.fmt import sentence

_LOGIN = (
    "systemd starts your services when you log in and ends them when you have logged out. With"
    " lingering they start at boot and stay"
)


def run(args: argparse.Namespace) -> int | Coroutine[Any, Any, int]:
    """Do what `winch daemon install` or `uninstall` asks for."""
    tell_broken_settings()
    if args.action == "uninstall":
        return _uninstall()
    return _print(args.manager) if args.print else _install(args)


def _print(kind: str | None) -> int:
    found = unattended.text(kind)
    out(found.text, end="")
    say(f"this would be written to {found.place}; nothing was touched")
    _tell_left_out(found.left_out)
    return ExitCode.OK


async def _install(args: argparse.Namespace) -> int:
    _tell_left_out(await unattended.install(args.manager, say_step))
    if unattended.lingers() is False:
        _offer_linger(is_wanted=args.linger)
    return ExitCode.OK


async def _uninstall() -> int:
    await unattended.uninstall(say_step)
    return ExitCode.OK


def _tell_left_out(names: list[str]) -> None:
    """Name what is set here and was not written down: it may be secret, or is for config.toml."""
    if names:
        say(
            f"set here, and not for the daemon that is started so: {', '.join(names)}; settings"
            " belong into config.toml, secrets where only you can read them"
        )


def _offer_linger(*, is_wanted: bool) -> None:
    """Say what a login has to do with it, and ask; without anybody there, only say it."""
    if not is_wanted:
        if not sys.stdin.isatty():
            say(f"{_LOGIN}: `loginctl enable-linger`")
            return
        say(f"{_LOGIN}.")
        try:
            confirm(
                "enable lingering for your account?", refused="`loginctl enable-linger` does it"
            )
        except StoppedError as error:
            say(error.message)
            return
    try:
        unattended.linger()
    except DaemonError as error:
        say(sentence(error, brackets=False))
    else:
        say("your account lingers: the daemon starts at boot")
