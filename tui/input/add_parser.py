"""From the lines of the dialog to what is to be added, and to remarks about them. Pure.

A line is what a plain list of `winch add -i` has: a URL, nothing, or a comment after `#`; beside
that a curl command or the name of such a list. Everything is done in steps: a paste of 10,000 lines
must not hold up the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from core.domain.checks import check_url, in_full
from core.domain.errors import UsageError
from core.domain.models import Download, Status
from core.domain.redact import redact_url
from core.domain.stores import is_store
from tui.input.curl import Curl, is_curl, parse_curl
from tui.text.fmt import counted, sentence
from tui.text.vocabulary import COMMAND_STATES, STATES

MOST = 50_000
"""How many URLs one dialog takes."""
STEP = 250
"""Lines of one step: a few milliseconds."""

_LIST = re.compile(r"@\s*(?P<named>.+)|(?P<path>(?:~|\.{1,2})?/.*|~[^/\s]*/.*)")
_Rank = tuple[bool, bool]
"""Whether it is the same target, and whether it is unfinished."""
_URL = re.compile(r"(?:https?|s3|gs|az)://[^\s<>\"'`\ufffd]+", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")


def pasted_urls(text: str) -> list[str]:
    """Return the addresses in a text of any kind, without what ends a sentence around them."""
    return [match.rstrip(".,;:!?)]}") for match in _URL.findall(text)]


class Severity(IntEnum):
    """How much a remark matters; an error keeps everything from being added."""

    ERROR = 0
    WARNING = 1
    INFO = 2


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a line."""

    where: str
    text: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class WantedUrl:
    """An address to add, where it stands, and what its curl command said."""

    url: str
    where: str
    name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def list_names(text: str) -> list[str]:
    """Return the names of the lists that the lines speak of, each once."""
    found = (_list_name(line) for line in text.splitlines())
    return list(dict.fromkeys(name for name in found if name))


class AddParser:
    """Reads the lines; `wanted` has each address once, after all `steps`.

    `lists` are the contents of the lists, or what is wrong with them, by their names.
    """

    def __init__(self, text: str, lists: Mapping[str, str | UsageError]) -> None:
        self.wanted: list[WantedUrl] = []
        self.remarks: list[Remark] = []
        self.repeated = 0
        self._text = text
        self._lists = lists
        self._seen: dict[str, str] = {}

    def steps(self) -> Iterator[None]:
        """Do the work, a step at a time."""
        at, number, text = 0, 0, self._text
        while at < len(text) and len(self.wanted) <= MOST:
            number += 1
            if number % STEP == 0:
                yield
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[at:end].strip()
            where = f"line {number}"
            if is_curl(text, at):
                end = self._take_commands(at, where)
                number += text.count("\n", at, end)
            elif (name := _list_name(line)) is not None:
                yield from self._take_list(name, where)
            else:
                self._take_line(line, where)
            at = end + 1
        if len(self.wanted) > MOST:
            self._remark(f"line {number}", f"more than {MOST:,} URLs at once are too many")

    def _take_line(self, line: str, where: str) -> None:
        if line and not line.startswith("#"):
            self._take(WantedUrl(line, where))

    def _take_list(self, name: str, where: str) -> Iterator[None]:
        content = self._lists.get(name, "")
        if isinstance(content, UsageError):
            self._remark(where, content)
            return
        before = len(self.wanted)
        shown = name.rpartition("/")[2]
        for number, line in enumerate(content.splitlines(), start=1):
            if number % STEP == 0:
                yield
            if len(self.wanted) > MOST:
                return
            self._take_line(line.strip(), f"{shown} line {number}")
        count = len(self.wanted) - before
        self._remark(where, f"{counted(count, 'URL')} from {shown}", Severity.INFO)

    def _take_commands(self, at: int, where: str) -> int:
        """Take the curl commands that begin on a line and return where their last line ends."""
        text = self._text
        while True:
            curl, end = parse_curl(text, at)
            if isinstance(curl, Curl):
                self._remark(where, curl.summary(), Severity.INFO)
                for url, name in curl.urls:
                    self._take(WantedUrl(url, where, name, curl.headers))
            else:
                self._remark(where, curl)
            at = end
            while text[at : at + 1] in (" ", ";", "&"):
                at += 1
            if at == end or not is_curl(text, at):
                break
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        if text[at:stop].strip():
            self._remark(
                where, f"left out what follows the command, from '{text[at]}' on", Severity.INFO
            )
        return stop

    def _take(self, wanted: WantedUrl) -> None:
        url, where = wanted.url, wanted.where
        if url in self._seen:
            self.repeated += 1
            self._remark(where, f"repeats {self._seen[url]}", Severity.WARNING)
            return
        self._seen[url] = where
        try:
            if "\N{REPLACEMENT CHARACTER}" in url:
                raise UsageError("this holds a character that cannot stand in a URL")
            # What is no address may be anything, a secret too: it is not repeated.
            is_address = _SCHEME.fullmatch(url) or url.lower().startswith("magnet:")
            if not (is_address or is_store(url)):
                hint = "one URL on a line" if "://" in url else in_full(url)
                raise UsageError("this is not a URL", hint=hint)
            check_url(url)
        except UsageError as error:
            self._remark(where, error)
        else:
            self.wanted.append(wanted)

    def _remark(
        self, where: str, said: UsageError | str, severity: Severity = Severity.ERROR
    ) -> None:
        text = sentence(said) if isinstance(said, UsageError) else said
        self.remarks.append(Remark(where, text, severity))


class KnownUrls:
    """Which of the wanted addresses are in the list of downloads already."""

    def __init__(self) -> None:
        self._wanted: dict[str, WantedUrl] = {}
        self._finished: dict[str, list[WantedUrl]] = {}
        self._found: dict[str, tuple[_Rank, Download]] = {}

    @property
    def ids(self) -> frozenset[str]:
        """The downloads that have one of the addresses."""
        return frozenset(download.id for _, download in self._found.values())

    def want(self, wanted: Iterable[WantedUrl]) -> None:
        """Take in some of what is wanted, each address once, before any `look`."""
        for item in wanted:
            self._wanted[item.url] = item
            # What is complete was stored without the secrets in its address.
            self._finished.setdefault(redact_url(item.url), []).append(item)

    def look(self, downloads: Iterable[Download], directory: str, name: str | None) -> None:
        """Take in some of the downloads; `name` is what the file shall be called, if that is said.

        Of several, that of the same target matters most: it is the one that would go on.
        """
        for download in downloads:
            request = download.request
            is_done = download.status is Status.COMPLETED
            if is_done:
                items = self._finished.get(request.url, [])
            else:
                items = [self._wanted[request.url]] if request.url in self._wanted else []
            for item in items:
                called = name or item.name
                is_same = request.directory == directory and (
                    called is None or called in (request.name, download.name)
                )
                rank = (is_same, not is_done)
                if item.url not in self._found or rank > self._found[item.url][0]:
                    self._found[item.url] = rank, download

    def remarks(self, *, paused: bool) -> list[Remark]:
        """Return what is to be said of them, in the order of the lines."""
        return [
            Remark(item.where, _known_as(*self._found[url], paused=paused), Severity.WARNING)
            for url, item in self._wanted.items()
            if url in self._found
        ]


def _known_as(rank: _Rank, download: Download, *, paused: bool) -> str:
    status = download.status
    is_same, _ = rank
    if not is_same:
        return f"in the list too, {_STATES[status]}: {download.path}"
    if status is Status.COMPLETED:
        return "downloaded already: adding fetches it again"
    if status in (Status.PENDING, Status.ACTIVE):
        return f"already in the list, {_STATES[status]}: nothing new is added"
    consequence = "adding leaves it so" if paused else "adding lets it go on"
    return f"already in the list, {_STATES[status]}: {consequence}"


_STATES = COMMAND_STATES | {Status.PENDING: STATES[Status.PENDING]}


def _list_name(line: str) -> str | None:
    match = _LIST.fullmatch(line.strip())
    return None if match is None else (match["named"] or match["path"]).strip()
