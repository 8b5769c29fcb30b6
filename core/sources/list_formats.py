"""The forms in which lists of downloads are written, one parser each; a mistake costs its own line.

Plain URLs; what aria2 reads (`aria2c -i`); CSV and TSV with a header; JSON Lines. Each takes lines
as they come and holds no more than one entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol

from core.domain.bounds import cut
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.login import basic
from core.domain.models import Checksum
from core.sources.list_fields import EntryMaker, fields_of, header
from core.sources.list_lines import refused

Item = Entry | Refused

MOST_COLUMNS = 256


class ListFormat(StrEnum):
    PLAIN = "plain"
    ARIA2 = "aria2"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"


class LineParser(Protocol):
    """Reads one form, line by line."""

    def take(self, number: int, line: str) -> Iterator[Item]:
        """Yield what is known with this line; raises UsageError where all of the list is wrong."""
        ...

    def end(self) -> Iterator[Item]:
        """Yield what only the end completes."""
        ...


def parser(form: ListFormat | None, first: str, maker: EntryMaker) -> LineParser:
    """Return what reads a list whose first line with anything in it is this; raises UsageError.

    Without a form the content tells: an address begins a list of URLs with aria2's options or
    without, a brace JSON Lines, and a column that is called `url` is that of a table.
    """
    match form:
        case ListFormat.PLAIN:
            return _Plain(maker)
        case ListFormat.ARIA2:
            return _Aria2(maker, is_certain=True)
        case ListFormat.CSV:
            return _Table(maker, ",;")
        case ListFormat.TSV:
            return _Table(maker, "\t")
        case ListFormat.JSONL:
            return _JsonLines(maker)
    line = first.strip()
    if line.startswith("{"):
        return _JsonLines(maker)
    if _delimiter(line, ",;\t") is not None:
        return _Table(maker, ",;\t")
    for sign, what, hint in _OTHERS:
        if sign.match(line):
            raise UsageError(f"this is {what}, and no list of URLs", hint=hint)
    return _Aria2(maker, is_certain=False)


_OTHERS = (
    (re.compile(r"\[\s*($|[\[{\"\]])"), "a JSON array", "jq -c '.[]' FILE | winch add -i -"),
    (re.compile(r"<"), "XML or HTML", "--manifest reads Metalink, -r an index page"),
    (re.compile(r"\\?[0-9A-Fa-f]{32,128} [ *]."), "a list of checksums", "--manifest reads it"),
    (
        re.compile(r"(MD5|SHA\d{1,3}|BLAKE2b) ?\("),
        "a list of checksums",
        "--manifest reads it",
    ),
)
"""How other texts begin that people have at hand."""


class _Plain:
    """One URL on a line; `#` begins a comment."""

    def __init__(self, maker: EntryMaker) -> None:
        self._maker = maker

    def take(self, number: int, line: str) -> Iterator[Item]:
        if (text := line.strip()) and not text.startswith("#"):
            yield self._maker.make(number, {"url": text})

    def end(self) -> Iterator[Item]:
        return iter(())


_OPTION = re.compile(r"\s+([a-zA-Z0-9-]+)=(.*)")
_IGNORED = frozenset(
    """
    allow-overwrite allow-piece-length-change always-resume async-dns auto-file-renaming
    check-integrity conditional-get connect-timeout content-disposition-default-utf8 continue
    dry-run file-allocation force-save gid hash-check-only index-out load-cookies
    lowest-speed-limit max-connection-per-server max-download-limit max-file-not-found
    max-mmap-limit max-resume-failure-tries max-tries max-upload-limit min-split-size
    no-file-allocation-limit no-netrc no-proxy no-want-digest-header parameterized-uri pause
    pause-metadata piece-length realtime-chunk-checksum remote-time remove-control-file retry-wait
    reuse-uri rpc-save-upload-metadata save-not-found select-file split stream-piece-selector
    timeout uri-selector use-head
    """.split()  # noqa: SIM905
)
"""Options of aria2 about how it works, and not about what is fetched: winch has its own ways."""
_IGNORED_KINDS = (
    *("all-proxy", "bt-", "enable-", "follow-", "ftp-", "http-", "https-", "metalink-"),
    *("proxy-", "seed-", "ssh-"),
)


class _Aria2:
    """Addresses of one file with tabs between them, its options on the lines below, indented.

    Where nobody has said that it is aria2's, what is indented and no option is an address, too.
    """

    def __init__(self, maker: EntryMaker, *, is_certain: bool) -> None:
        self._maker = maker
        self._is_certain = is_certain
        self._begun: tuple[int, list[str]] | None = None
        self._options: dict[str, str] = {}
        self._headers: dict[str, str] = {}
        self._wrong: Refused | None = None

    def take(self, number: int, line: str) -> Iterator[Item]:
        text = line.strip()
        if not text or text.startswith("#"):
            return
        option = _OPTION.fullmatch(line)
        if option is None and not (self._is_certain and line[0].isspace()):
            yield from self.end()
            self._begun = number, [word for word in text.split("\t") if word.strip()]
        elif self._begun is None:
            yield refused(number, "this is an option of no address")
        elif self._wrong is None:
            try:
                if option is None:
                    raise UsageError("this is no option", hint="write it as NAME=VALUE")
                self._obey(option[1], option[2].strip())
            except UsageError as error:
                self._wrong = refused(number, error)

    def end(self) -> Iterator[Item]:
        if self._begun is not None:
            yield self._wrong or self._entry(*self._begun)
        self._begun, self._wrong = None, None
        self._options, self._headers = {}, {}

    def _entry(self, number: int, urls: list[str]) -> Item:
        fields: dict[str, object] = {"url": urls[0]}
        if urls[1:] or self._options or self._headers:
            fields |= {
                "mirrors": urls[1:],
                "directory": self._options.get("dir"),
                "path": self._options.get("out"),
                "headers": self._all_headers(urls[0]),
                "checksum": self._options.get("checksum"),
            }
        return self._maker.make(number, fields)

    def _all_headers(self, url: str) -> dict[str, str]:
        options, headers = self._options, self._headers
        if "user-agent" in options:
            headers["User-Agent"] = options["user-agent"]
        if "referer" in options:
            # aria2's `*` is the address itself.
            headers["Referer"] = url if options["referer"] == "*" else options["referer"]
        if "http-user" in options:
            headers["Authorization"] = basic(options["http-user"], options.get("http-passwd", ""))
        return headers

    def _obey(self, name: str, value: str) -> None:
        """Take an option in; raises UsageError where it is none, or would fetch something else."""
        match name:
            case "checksum":
                self._options[name] = str(Checksum.parse(value.replace("=", ":", 1)))
            case "header":
                self._headers |= [header(value)]
            case "out" | "dir" | "referer" | "user-agent" | "http-user" | "http-passwd":
                self._options[name] = value
            case "parameterized-uri" if value == "true":
                raise UsageError("winch takes no patterns of addresses", hint="write each of them")
            case _ if not is_ignored(name):
                raise UsageError(f"'{cut(name, 40)}' is no option that aria2 has for a download")


def is_ignored(option: str) -> bool:
    """Tell whether an option of aria2's is passed over, because the same file comes without it."""
    return option in _IGNORED or option.startswith(_IGNORED_KINDS)


def _delimiter(line: str, delimiters: str) -> str | None:
    """Return what stands between the names of columns of which one is `url`; None if none does."""
    if "://" in line:
        return None
    for delimiter in delimiters:
        if delimiter in line or line.lower().strip('"') == "url":
            row = _row(line, delimiter)
            if row is not None and "url" in fields_of(row[:MOST_COLUMNS]):
                return delimiter
    return None


def _row(line: str, delimiter: str) -> list[str] | None:
    """Return the fields of a row; None where its quotes are not closed in this line."""
    import csv  # noqa: PLC0415 - only tables need it

    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


class _Table:
    """A header, and rows below it with as many fields. A row is a line, whatever is quoted in it.

    So a quote that nobody closes costs one line, and not all that follow.
    """

    def __init__(self, maker: EntryMaker, delimiters: str) -> None:
        self._maker = maker
        self._delimiters = delimiters
        self._delimiter = ""
        self._width = 0
        self._columns: dict[str, int] = {}

    def take(self, number: int, line: str) -> Iterator[Item]:
        if not line.strip():
            return
        if not self._columns:
            self._take_header(line)
            return
        row = _row(line, self._delimiter)
        if row is None:
            yield refused(number, "a quote is not closed in this line, or something follows it")
        elif any(row[self._width :]):
            yield refused(number, f"this has {len(row)} fields, and the header {self._width}")
        else:
            count = len(row)
            fields = {name: row[index] for name, index in self._columns.items() if index < count}
            yield self._maker.make(number, fields)

    def end(self) -> Iterator[Item]:
        return iter(())

    def _take_header(self, line: str) -> None:
        delimiter = _delimiter(line, self._delimiters)
        names = None if delimiter is None else _row(line, delimiter)
        if delimiter is None or names is None:
            raise UsageError(
                "the first line of the table has no column 'url'",
                hint="begin with a header such as url,path,size,checksum",
            )
        if len(names) > MOST_COLUMNS:
            raise UsageError(f"a table of {len(names):,} columns is too wide")
        self._delimiter, self._width = delimiter, len(names)
        self._columns = fields_of(names)


class _JsonLines:
    """An object on each line."""

    def __init__(self, maker: EntryMaker) -> None:
        import msgspec  # noqa: PLC0415 - as it stands beside its error

        self._maker = maker
        self._error = msgspec.DecodeError
        self._decode: Callable[[str], Mapping[str, object]] = msgspec.json.Decoder(
            dict[str, object]
        ).decode

    def take(self, number: int, line: str) -> Iterator[Item]:
        if not line.strip():
            return
        try:
            found = self._decode(line)
        except self._error:
            yield refused(number, "this is no JSON object")
        except RecursionError:
            yield refused(number, "this JSON is nested too deep")
        else:
            names = list(found)
            fields = {field: found[names[index]] for field, index in fields_of(names).items()}
            yield self._maker.make(number, fields)

    def end(self) -> Iterator[Item]:
        return iter(())
