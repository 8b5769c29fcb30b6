"""What each key of the filter language asks of a download; see tui.model.filter for the language.

A term becomes one function, because it is asked of every row of a long queue.
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from core.domain.errors import UsageError
from core.domain.models import Download, Progress, Status
from core.domain.units import parse_duration, parse_size
from tui.text.columns import bytes_done, is_moving
from tui.text.urls import host_of, site_of

Test = Callable[[Download, Progress, datetime], bool]
_Figure = Callable[[Download, Progress, datetime], float | None]

STATUSES: Mapping[str, Status] = MappingProxyType(
    {status.value: status for status in Status}
    | {"queued": Status.PENDING, "done": Status.COMPLETED}
)
"""The names of the states, with those that people use."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_PERCENT = re.compile(r"\d{1,18}(\.\d{1,18})?%?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class FilterError(UsageError):
    """A filter cannot be meant; `start` and `end` tell which of its characters are wrong."""

    def __init__(self, message: str, start: int, end: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.start = start
        self.end = end


@dataclass(slots=True)
class Word:
    """One term and where it stands; `value` is what follows `!` and the key, without quotes."""

    start: int
    end: int
    is_negated: bool
    key: str
    operator: str
    value: str
    value_start: int

    def mistake(self, message: str, *, hint: str = "") -> FilterError:
        """Return the error for a value that is wrong, or for all of a term that has none."""
        start = self.value_start if self.value_start < self.end else self.start
        return FilterError(message, start, self.end, hint=hint)


def compile_term(word: Word) -> Test:
    """Return what a term asks; raises FilterError."""
    if word.key and word.key not in KEYS:
        raise FilterError(
            f"there is no filter '{word.key}:'",
            word.start,
            word.value_start,
            hint=f"there are {', '.join(f'{key}:' for key in KEYS)}; text goes in quotes",
        )
    if not word.value:
        what = f"'{word.key}:' needs a value" if word.key else "there is nothing to look for"
        raise word.mistake(what, hint=_EXAMPLES.get(word.key, ""))
    test = _figure_test(word) if word.key in FIGURES else _TEXTS[word.key](word)
    return _not(test) if word.is_negated else test


def _figure_test(word: Word) -> Test:
    read, figure = FIGURES[word.key]
    try:
        limit = read(word.value)
    except UsageError as error:
        raise word.mistake(error.message, hint=error.hint) from None
    except (ValueError, OverflowError):
        what = f"'{word.value}' is no number that can be meant"
        raise word.mistake(what, hint=_EXAMPLES[word.key]) from None
    holds = OPERATORS[word.operator]

    def test(download: Download, progress: Progress, now: datetime) -> bool:
        value = figure(download, progress, now)
        return value is not None and holds(value, limit)

    return test


def _any_test(word: Word) -> Test:
    text = word.value.casefold()

    def test(download: Download, _: Progress, __: datetime) -> bool:
        if text in download.name.casefold():
            return True
        request = download.request
        if request.group and text in request.group.casefold():
            return True
        # What is nowhere in the URL is not in its host: that spares most rows the search for it.
        return text in request.url.casefold() and text in host_of(request.url).casefold()

    return test


def _name_test(word: Word) -> Test:
    found = _pattern(word.value)
    return lambda download, _, __: found(download.name.casefold())


def _error_test(word: Word) -> Test:
    found = _pattern(word.value)

    def test(download: Download, _: Progress, __: datetime) -> bool:
        error = download.error
        return error is not None and (found(error.code) or found(error.message.casefold()))

    return test


def _group_test(word: Word) -> Test:
    found = _pattern(word.value, is_whole=True)

    def test(download: Download, _: Progress, __: datetime) -> bool:
        group = download.request.group
        return group is not None and found(group.casefold())

    return test


def _host_test(word: Word) -> Test:
    found = _pattern(word.value)

    def test(download: Download, _: Progress, __: datetime) -> bool:
        url = download.request.url
        # A pattern may end with the host, whatever the port.
        return found(site_of(url)) or found(host_of(url))

    return test


def _status_test(word: Word) -> Test:
    names = word.value.lower().split(",")
    for name in names:
        if name not in STATUSES:
            raise word.mistake(
                f"there is no state '{name}'" if name else "a state is missing",
                hint=f"there are {', '.join(STATUSES)}",
            )
    wanted = frozenset(STATUSES[name] for name in names)
    return lambda download, _, __: download.status in wanted


def _pattern(value: str, *, is_whole: bool = False) -> Callable[[str], bool]:
    """Return how to look for a value in casefolded text: as a part of it, or by `*` and `?`."""
    value = value.casefold()
    if "*" in value or "?" in value:
        # No classes: a name may well have brackets. fnmatch's patterns cannot run away.
        match = re.compile(fnmatch.translate(value.replace("[", "[[]"))).match
        return lambda text: match(text) is not None
    return (lambda text: text == value) if is_whole else (lambda text: value in text)


def _not(test: Test) -> Test:
    return lambda download, progress, now: not test(download, progress, now)


def _done(download: Download, progress: Progress, _: datetime) -> float | None:
    total = download.total_bytes
    if total is None:
        return None
    return 100 * bytes_done(download, progress) / total if total else 100.0


def _read_rate(text: str) -> float:
    return parse_size(text.removesuffix("/s"))


def _read_percent(text: str) -> float:
    if _PERCENT.fullmatch(text) is None:
        raise ValueError
    return float(text.removesuffix("%"))


def _read_whole(text: str) -> float:
    if _WHOLE.fullmatch(text) is None:
        raise ValueError
    return int(text)


FIGURES: dict[str, tuple[Callable[[str], float], _Figure]] = {
    "size": (parse_size, lambda download, _, __: download.total_bytes),
    "rate": (_read_rate, lambda download, p, _: p.rate if is_moving(download) else None),
    "eta": (parse_duration, lambda download, p, _: p.eta if is_moving(download) else None),
    "done": (_read_percent, _done),
    "age": (
        parse_duration,
        lambda download, _, now: (now - download.created_at).total_seconds(),
    ),
    "priority": (_read_whole, lambda download, _, __: download.request.priority),
}
_TEXTS: dict[str, Callable[[Word], Test]] = {
    "": _any_test,
    "status": _status_test,
    "name": _name_test,
    "host": _host_test,
    "group": _group_test,
    "error": _error_test,
}
_EXAMPLES = {
    "status": "such as status:failed, or status:active,queued",
    "name": "such as name:*.iso, or a part of it",
    "host": "such as host:example.org, or host:127.0.0.1:8080; a part of it is enough",
    "group": "such as group:photos",
    "error": "such as error:404",
    "size": "such as size:>1G",
    "rate": "such as rate:<100k",
    "eta": "such as eta:>1h",
    "done": "such as done:>50%",
    "age": "such as age:>2d",
    "priority": "such as priority:>0",
}
KEYS = tuple(_EXAMPLES)
"""Every key, in the order in which they are listed for a person."""
LIVE = frozenset({"rate", "eta", "done"})
TIMED = frozenset({"age"})
