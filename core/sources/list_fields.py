"""What a line of a list says of a file, field by field, becomes an entry.

The names of the fields are those that people write: `url` or `link`, `path` or `filename`, `sha256`
or `checksum`. What has another name is none of winch's business and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from core.domain.bounds import cut, number
from core.domain.checks import check_header, check_url
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.policy.collections.paths import relative_path
from core.policy.transfer.filename import suggest
from core.sources.list_lines import refused

_NAMES: Mapping[str, Sequence[str]] = {
    "url": ("url", "uri", "link", "href", "downloadurl"),
    "path": ("path", "filepath", "out", "output", "filename", "file", "name"),
    "directory": ("directory", "dir", "folder"),
    "size": ("size", "bytes", "sizebytes", "filesize", "length"),
    "checksum": ("checksum", "digest", "hash"),
    "md5": ("md5", "md5sum"),
    "sha1": ("sha1", "sha1sum"),
    "sha256": ("sha256", "sha256sum"),
    "sha512": ("sha512", "sha512sum"),
    "blake2b": ("blake2b", "b2sum"),
    "priority": ("priority",),
    "mirrors": ("mirrors", "mirror", "urls"),
    "headers": ("headers", "header"),
}
"""What each field may be called, without `-`, `_`, spaces and capitals; the first ones go first."""
_PLACES = {
    name: (field, place) for field, names in _NAMES.items() for place, name in enumerate(names)
}
_ALGORITHMS = ("blake2b", "sha512", "sha256", "sha1", "md5")
"""Fields that are named after what they hold, the strongest first: that one is compared."""
_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_SHOWN = 80


def fields_of(names: Iterable[str]) -> dict[str, int]:
    """Return where each field stands among these names; of two for the same, the better one."""
    found: dict[str, tuple[int, int]] = {}
    for index, name in enumerate(names):
        plain = re.sub(r"[\s_-]", "", name[:_SHOWN]).lower()
        if (known := _PLACES.get(plain)) is not None:
            field, place = known
            if field not in found or place < found[field][0]:
                found[field] = place, index
    return {field: index for field, (_, index) in found.items()}


class EntryMaker:
    """Makes entries of fields; relative addresses begin at `base`, where that is given."""

    def __init__(self, base: str | None = None) -> None:
        self._base = base

    def make(self, line: int, fields: Mapping[str, Any]) -> Entry | Refused:
        """Return what a line names; a field that is empty or None says nothing."""
        try:
            return self._made(
                line,
                {
                    name: value
                    for name, value in fields.items()
                    if value is not None and value != ""
                },
            )
        except UsageError as error:
            return refused(line, error)

    def address(self, text: str) -> str:
        """Return an address in full; raises UsageError unless it can be one."""
        url = text.strip()
        if self._base is not None and not _ABSOLUTE.match(url):
            try:
                url = urljoin(self._base, url)
            except ValueError:
                raise UsageError(f"'{cut(url, _SHOWN)}' is no relative address") from None
        check_url(url)
        return url

    def _made(self, line: int, fields: Mapping[str, Any]) -> Entry:
        if "url" not in fields:
            raise UsageError("this names no URL")
        url = self.address(_text(fields, "url"))
        if len(fields) == 1:
            # Most lines of most lists.
            return Entry(url=url, where=f"line {line}")
        mirrors = [self.address(mirror) for mirror in _listed(fields.get("mirrors"))]
        return Entry(
            url=url,
            path=path_of(url, _text(fields, "directory"), _text(fields, "path")),
            size=_size(fields.get("size")),
            checksum=_checksum(fields),
            mirrors=tuple(mirror for mirror in dict.fromkeys(mirrors) if mirror != url),
            headers=_headers(fields.get("headers")),
            priority=_priority(fields.get("priority")),
            where=f"line {line}",
        )


def path_of(url: str, directory: str, name: str) -> str | None:
    """Return where below the destination a file goes, None where its server shall name it.

    Raises UsageError for what could lead anywhere else.
    """
    if not directory and not name:
        return None
    name = name or suggest(disposition=None, url=url)
    return relative_path(f"{directory.rstrip('/')}/{name}" if directory else name)


def header(line: str) -> tuple[str, str]:
    """Return the name and the value of a header field; raises UsageError."""
    name, colon, value = line.partition(":")
    if not colon:
        # It may be all secret.
        raise UsageError("a header is no header", hint="write it as 'Name: value'")
    check_header(name.strip(), value.strip())
    return name.strip(), value.strip()


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise UsageError(f"its {name} is no text")
    return value.strip()


def _listed(value: Any) -> list[str]:
    """Return the texts of a list, or of a field that has spaces or `|` between them."""
    if isinstance(value, str):
        return [word for word in re.split(r"[\s|]+", value) if word]
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError("its mirrors are no list of addresses")
    return value


def _headers(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, str):
        return dict([header(value)])
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return dict(map(header, value))
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return dict(header(f"{name}:{text}") for name, text in value.items())
    raise UsageError("its headers are none: write them as {'Name': 'value'}")


def _size(value: Any) -> int | None:
    if value is None:
        return None
    size = number(str(value).strip())
    if size is None or isinstance(value, bool):
        raise UsageError(f"its size '{cut(str(value), _SHOWN)}' is no number of bytes")
    return size


def _priority(value: Any) -> int | None:
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not _WHOLE.fullmatch(text):
        raise UsageError(f"its priority '{cut(text, _SHOWN)}' is no whole number")
    return int(text)


def _checksum(fields: Mapping[str, Any]) -> Checksum | None:
    for algorithm in _ALGORITHMS:
        if algorithm in fields:
            return Checksum.parse(f"{algorithm}:{_text(fields, algorithm)}")
    if "checksum" not in fields:
        return None
    text = _text(fields, "checksum")
    if not re.search(r"[:=]", text) and (algorithm := _BY_LENGTH.get(len(text), "")):
        return Checksum.parse(f"{algorithm}:{text}")
    return Checksum.parse(text.replace("=", ":", 1))
