"""The settings as all front ends judge them: those of the screen too, which only they can know.

A key that cannot be meant is said by every command, and not only once somebody opens the screen.
"""

from __future__ import annotations

from core import launcher
from core.domain.errors import ConfigError
from core.domain.settings import Settings
from tui.input.caller import CALLER
from tui.input.remote import REMOTE


def load_configuration() -> launcher.Configuration:
    """Return every setting with its source; raises ConfigError with the place of what is wrong."""
    caller = CALLER.get()
    configuration = launcher.read_configuration(caller.environment if caller else None)
    if keys := configuration.settings.screen.keys:
        # Hardly anybody changes them, and nothing else that a command does needs their names.
        from tui.control.keymap import Keymap, UnfitKeyError  # noqa: PLC0415

        try:
            Keymap(keys)
        except UnfitKeyError as error:
            where = launcher.place_of("screen", "keys", error.action)
            raise ConfigError(f"{where}: {error.message}", hint=error.hint) from None
    return configuration


def load_settings() -> Settings:
    """Return the settings in force; raises ConfigError."""
    return load_configuration().settings


def default_directory() -> str:
    """Return where files go that nobody named a directory for, on the machine that they are for."""
    remote = REMOTE.get()
    return load_settings().downloads.directory if remote is None else remote.there.directory
