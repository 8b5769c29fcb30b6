"""What stands in the dialog for new downloads, and what of it is wrong. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

from core.domain.checks import check_name
from core.domain.errors import UsageError
from core.domain.models import Checksum, DownloadRequest
from core.domain.settings import check_limit
from core.domain.units import parse_rate

_NUMBER = re.compile(r"[+-]?[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The fields as they were typed."""

    urls: str = ""
    directory: str = ""
    name: str = ""
    checksum: str = ""
    connections: str = ""
    limit: str = ""
    priority: str = ""
    group: str = ""
    paused: bool = False

    @property
    def extras(self) -> str:
        """What is set beyond the address and the place, in a few words."""
        named = [
            f"{word} {value}"
            for word, value in (
                ("connections", self.connections),
                ("limit", self.limit),
                ("priority", self.priority),
                ("group", self.group),
            )
            if value.strip()
        ]
        checksum = ["checksum"] if self.checksum.strip() else []
        return ", ".join(checksum + named + ["paused"] * self.paused)


def judge(draft: Draft, count: int) -> tuple[DownloadRequest, dict[str, str]]:
    """Return what all of `count` URLs have in common, and by field what is wrong with it.

    The URL and the directory of the request are still to be filled in.
    """
    wrong: dict[str, str] = {}
    values: dict[str, object] = {"paused": draft.paused}
    for name, parse in _PARSERS.items():
        text = getattr(draft, name).strip()
        if not text:
            continue
        try:
            values[name] = parse(text)
            if name in _FOR_ONE and count > 1:
                wrong[name] = f"fits one URL, but there are {count:,}"
        except UsageError as error:
            wrong[name] = f"{error.message} ({error.hint})" if error.hint else error.message
    if not draft.directory.strip():
        wrong["directory"] = "say where the files shall go"
    if wrong:
        values = {}
    blank = DownloadRequest(url="", directory="")
    return dataclasses.replace(blank, **values), wrong  # type: ignore[arg-type]


def _file_name(text: str) -> str:
    check_name(text)
    return text


def _connections(text: str) -> int:
    number = _number(text)
    check_limit("connections", number)
    return number


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise UsageError("this is no whole number of up to six digits")
    return int(text)


_PARSERS: dict[str, Callable[[str], object]] = {
    "name": _file_name,
    "checksum": Checksum.parse,
    "connections": _connections,
    "limit": parse_rate,
    "priority": _number,
    "group": str,
}
_FOR_ONE = ("name", "checksum")
