"""Where files may go, as a person writes it: on this machine or on another, asked in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.domain.errors import DestinationError, UsageError
from core.domain.machines import Machine
from tui.input.remote import remote_path


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryInfo:
    """A directory: the bytes that an ordinary user may still write, or what is wrong with it."""

    free: int | None = None
    trouble: str = ""


class Places(Protocol):
    """The directories of the machine on which the service works."""

    @property
    def base(self) -> str:
        """Where files go when nothing else is said, and where relative paths begin."""

    def path(self, text: str) -> str:
        """Return the absolute path that a person means; raises DestinationError."""

    async def directory(self, text: str) -> DirectoryInfo:
        """Tell how a directory is, as a person wrote it."""

    async def completions(self, text: str) -> list[str]:
        """Return how the name of a directory that begins so may go on, sorted."""


def place_on(text: str, machine: Machine | None) -> str:
    """Return the path that a person means on another machine; raises DestinationError.

    Of one that has never answered, only whole paths can be meant.
    """
    if machine is None:
        if text.strip().startswith("/"):
            return text.strip()
        raise DestinationError("write the whole path: what is relative there is not known")
    try:
        return remote_path(text, machine)
    except UsageError as error:
        raise DestinationError(error.message, hint=error.hint) from None
