"""The form for new downloads, and whether it can be sent: its fields, its lines, what the list has.

Pure, and done in steps, so that whoever asks can do something else in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.checks import check_name
from core.domain.errors import DestinationError, UsageError
from core.domain.models import Checksum, Download, DownloadRequest, Status
from core.domain.setting_checks import check_limit
from core.domain.units import parse_rate
from core.domain.value import replace
from tui.input.add_parser import STEP, AddParser, KnownUrls, Remark, Severity, WantedUrl
from tui.input.places import Places
from tui.text.fmt import counted, sentence
from tui.text.vocabulary import STATES

_NUMBER = re.compile(r"[+-]?[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddForm:
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
        return ", ".join(checksum + named + [STATES[Status.PAUSED]] * self.paused)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What came out: `wrong` by field, `known` are the ids of downloads that are in the list.

    `count` and `outlook` are sentences: how many lines there are, and what adding would do.
    """

    shared: DownloadRequest
    wanted: Sequence[WantedUrl]
    remarks: Sequence[Remark]
    wrong: Mapping[str, str]
    known: frozenset[str]
    count: str
    outlook: str

    @property
    def has_wrong_lines(self) -> bool:
        """Whether a line has to be corrected; the gravest remarks come first."""
        return bool(self.remarks) and self.remarks[0].severity is Severity.ERROR

    @property
    def is_right(self) -> bool:
        """Whether it can be sent."""
        return bool(self.wanted) and not self.wrong and not self.has_wrong_lines

    @property
    def name(self) -> str:
        """What a curl command calls the one file, "" where none does."""
        return (self.wanted[0].name or "") if len(self.wanted) == 1 else ""

    def requests(self) -> list[DownloadRequest]:
        shared = self.shared
        return [
            replace(shared, url=item.url, name=shared.name or item.name, headers=item.headers)
            for item in self.wanted
        ]


class AddValidation:
    """Looks at a form; `result` is there after all `steps`."""

    result: ValidationResult

    def __init__(
        self,
        form: AddForm,
        lists: Mapping[str, str | UsageError],
        downloads: Sequence[Download],
        places: Places,
    ) -> None:
        self._form = form
        self._parser = AddParser(form.urls, lists)
        self._downloads = downloads
        self._places = places

    def steps(self) -> Iterator[None]:
        """Do the work, a step at a time."""
        parser, form = self._parser, self._form
        yield from parser.steps()
        shared, wrong = validate_fields(form, len(parser.wanted))
        try:
            shared = replace(shared, directory=self._places.path(form.directory))
        except DestinationError as error:
            wrong["directory"] = error.message
        known = KnownUrls()
        for start in range(0, len(parser.wanted), STEP):
            known.want(parser.wanted[start : start + STEP])
            yield
        for start in range(0, len(self._downloads), STEP * 8):
            part = self._downloads[start : start + STEP * 8]
            known.look(part, shared.directory, shared.name)
            yield
        remarks = parser.remarks + known.remarks(paused=form.paused)
        self.result = ValidationResult(
            shared=shared,
            wanted=parser.wanted,
            remarks=sorted(remarks, key=lambda remark: remark.severity),
            wrong=wrong,
            known=known.ids,
            count=_count(len(parser.wanted), parser.repeated, len(known.ids)),
            outlook=_outlook(len(parser.wanted), parser.remarks, wrong, paused=form.paused),
        )


def _count(wanted: int, repeated: int, known: int) -> str:
    if not wanted:
        return ""
    parts = [counted(wanted, "URL")]
    parts += [f"{repeated:,} repeated"] if repeated else []
    parts += [f"{known:,} in the list"] if known else []
    return ", ".join(parts)


def _outlook(
    wanted: int, remarks: Sequence[Remark], wrong: Mapping[str, str], *, paused: bool
) -> str:
    lines = sum(remark.severity is Severity.ERROR for remark in remarks)
    if lines:
        return f"Correct {counted(lines, 'line')} first."
    if not wanted:
        return "Write at least one URL."
    if wrong:
        return f"Correct first: {', '.join(wrong)}."
    noun = counted(wanted)
    return f"Adds {noun}, {STATES[Status.PAUSED]}." if paused else f"Adds {noun}."


def validate_fields(form: AddForm, count: int) -> tuple[DownloadRequest, dict[str, str]]:
    """Return what all of `count` URLs have in common, and by field what is wrong with it.

    The URL and the directory of the request are still to be filled in.
    """
    wrong: dict[str, str] = {}
    values: dict[str, object] = {"paused": form.paused}
    for name, parse in _PARSERS.items():
        text = getattr(form, name).strip()
        if not text:
            continue
        try:
            values[name] = parse(text)
            if name in _FOR_ONE and count > 1:
                wrong[name] = f"fits one URL, but there are {count:,}"
        except UsageError as error:
            wrong[name] = sentence(error)
    if not form.directory.strip():
        wrong["directory"] = "say where the files shall go"
    if wrong:
        values = {}
    blank = DownloadRequest(url="", directory="")
    return replace(blank, **values), wrong


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
