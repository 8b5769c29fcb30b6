"""What a document that somebody wrote would do on this machine, looked at before anything is done.

A document is no word of the person: it may come from anywhere, and name any directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from core import launcher
from core.domain.errors import UsageError
from core.domain.models import Conflict, DownloadRequest
from tui.control.configuration import load_settings
from tui.input.arguments import absolute
from tui.text.fmt import clean


@dataclass(slots=True)
class Review:
    """How many are asked for, ended or would overwrite files; `outside` counts by directory."""

    destination: str
    asked: int = 0
    ended: int = 0
    overwriting: int = 0
    outside: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, requests: Iterable[DownloadRequest | None], directory: str | None) -> Review:
        """Look at all requests; `directory` is what the person named for them, if anything.

        Raises UsageError for winch's own directories, and for hidden files and directories that
        are not there yet: `.bashrc` is a program that runs at the next login.
        """
        review = cls(directory or absolute(load_settings().downloads.directory))
        wanted = Path(os.path.normpath(review.destination)).resolve()
        inside: dict[str, bool] = {}
        for request in requests:
            if request is None:
                review.ended += 1
                continue
            review.asked += 1
            review.overwriting += request.conflict is Conflict.OVERWRITE
            where = request.directory
            if where not in inside:
                inside[where] = _is_inside(where, wanted)
            if not inside[where] and directory is None:
                review.outside[where] = review.outside.get(where, 0) + 1
            if request.name is not None and request.name.startswith("."):
                _refuse_new(Path(where, request.name))
        return review


def _is_inside(directory: str, wanted: Path) -> bool:
    """Tell whether files go below `wanted`, and not into a hidden directory there."""
    real = Path(directory).resolve()
    launcher.paths().check_destination(directory)
    for path in (real, *real.parents):
        if path.name.startswith("."):
            _refuse_new(path)
    if not real.is_relative_to(wanted):
        return False
    return not any(part.startswith(".") for part in real.relative_to(wanted).parts)


def _refuse_new(path: Path) -> None:
    if not os.path.lexists(path):
        raise UsageError(
            f"it would make {clean(str(path))}, which is hidden",
            hint="take it out of the document, or make it yourself beforehand",
        )
