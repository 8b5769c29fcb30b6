"""What became of what was asked for several downloads: changed, added, removed, or refused."""

from __future__ import annotations

from core.domain.errors import ErrorInfo
from core.domain.models import DownloadRecord
from core.domain.value import Value


class Refusal(Value, frozen=True, kw_only=True):
    id: str
    error: ErrorInfo


class Outcome(Value, frozen=True, kw_only=True):
    """What an action on several downloads did: those it changed and those that refused.

    `notes` are sentences on what it costs that nobody may have expected.
    """

    changed: tuple[DownloadRecord, ...] = ()
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


class AddedPortion(Value, frozen=True, kw_only=True):
    """The id for each request of a portion, and which of them were not in the list before."""

    ids: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


class KeptFile(Value, frozen=True, kw_only=True):
    """A file that is not deleted, and why in a few words."""

    path: str
    reason: str


class Removal(Value, frozen=True, kw_only=True):
    """What a removal took away, or with a dry run would: records, and files if that was asked for.

    `kept_files` stay because nothing was said of files, `kept` although it was.
    """

    removed: tuple[DownloadRecord, ...] = ()
    deleted_files: tuple[str, ...] = ()
    deleted_bytes: int = 0
    kept_files: tuple[str, ...] = ()
    kept: tuple[KeptFile, ...] = ()
