"""The language in which a person says which downloads to see; the screen and `winch ls` share it.

Words are looked for in name, host and group; `key:value` tests one thing, `!` before either turns
it around, double quotes hold together what has spaces, and all of it must be so. A text becomes one
function, because it is asked of every row of a long queue.
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from core.domain.bounds import MAX_URL
from core.domain.errors import UsageError
from core.domain.hosts import host_of, site_of
from core.domain.models import Download, Progress, Status
from core.domain.units import parse_duration, parse_size
from tui.text.download_state import bytes_done, is_moving
from tui.text.vocabulary import COMMAND_STATES, STATES

_Test = Callable[[Download, Progress, datetime], bool]
_Figure = Callable[[Download, Progress, datetime], float | None]

STATUSES: Mapping[str, Status] = MappingProxyType(
    {status.value: status for status in Status}
    | {word: status for words in (STATES, COMMAND_STATES) for status, word in words.items()}
)
"""The names of the states, with those that people see."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_PIECE = re.compile(r'\s+|"((?:[^"\\]|\\.)*)("?)|[^\s"]+', re.DOTALL)
_HEAD = re.compile(r"(!*)(?:([A-Za-z]+):)?")
_OPERATOR = re.compile("|".join(_OPERATORS))
_PERCENT = re.compile(r"\d{1,18}(\.\d{1,18})?%?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class FilterError(UsageError):
    """A filter cannot be meant; `start` and `end` tell which of its characters are wrong."""

    def __init__(self, message: str, start: int, end: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.start = start
        self.end = end


@dataclass(slots=True)
class _Word:
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


@dataclass(frozen=True, slots=True)
class Filter:
    """A question to ask of downloads: `matches(download, progress, now)`.

    `is_live` tells that the answer changes with the progress, `is_timed` that it does so with the
    time alone. `keys` are those of its terms, "" for words without one.
    """

    text: str
    matches: _Test = field(compare=False, repr=False)
    is_live: bool = field(compare=False)
    is_timed: bool = field(compare=False)
    is_empty: bool = field(compare=False)
    keys: frozenset[str] = field(compare=False)


def parse(text: str) -> Filter:
    """Return what a text asks for, everything when it is empty; raises FilterError."""
    if len(text) > MAX_URL:
        raise FilterError("this is longer than any filter", MAX_URL, len(text))
    words = _split(text)
    tests = [_compile(word) for word in words]
    keys = frozenset(word.key for word in words)
    return Filter(
        text=text,
        matches=_all(tests),
        is_live=bool(keys & _LIVE),
        is_timed=bool(keys & _TIMED),
        is_empty=not tests,
        keys=keys,
    )


def quote(text: str) -> str:
    """Return text so that it stands for itself in a filter, as a word or as a value."""
    head = _HEAD.match(text)
    if text and not re.search(r'[\s"]', text) and head is not None and not head[0]:
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _split(text: str) -> list[_Word]:
    words: list[_Word] = []
    open_word: _Word | None = None
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece.isspace():
            open_word = None
            continue
        if match[1] is None:
            quoted = None
        elif match[2]:
            quoted = re.sub(r'\\(["\\])', r"\1", match[1])
        else:
            raise FilterError("the quote is not closed", match.start(), len(text))
        if open_word is None:
            open_word = _begin(match.start(), "" if quoted is not None else piece)
            words.append(open_word)
            open_word.value += quoted or ""
        else:
            open_word.value += piece if quoted is None else quoted
        open_word.end = match.end()
    return words


def _begin(start: int, piece: str) -> _Word:
    """Return the term that begins with a piece outside of quotes; only there signs are signs."""
    head = _HEAD.match(piece)
    signs, key = (head[1], (head[2] or "").lower()) if head else ("", "")
    rest = piece[head.end() :] if head else piece
    value_start = start + len(piece) - len(rest)
    sign = _OPERATOR.match(rest) if key in _FIGURES else None
    return _Word(
        start=start,
        end=start + len(piece),
        is_negated=len(signs) % 2 == 1,
        key=key,
        operator=sign[0] if sign else "=",
        value=rest[sign.end() :] if sign else rest,
        value_start=value_start,
    )


def _all(tests: list[_Test]) -> _Test:
    if len(tests) == 1:
        return tests[0]

    def test(download: Download, progress: Progress, now: datetime) -> bool:
        for each in tests:  # noqa: SIM110 - a generator would take twice as long
            if not each(download, progress, now):
                return False
        return True

    return test


def _compile(word: _Word) -> _Test:
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
    test = _figure_test(word) if word.key in _FIGURES else _TEXTS[word.key](word)
    return _not(test) if word.is_negated else test


def _figure_test(word: _Word) -> _Test:
    read, figure = _FIGURES[word.key]
    try:
        limit = read(word.value)
    except UsageError as error:
        raise word.mistake(error.message, hint=error.hint) from None
    except (ValueError, OverflowError):
        what = f"'{word.value}' is no number that can be meant"
        raise word.mistake(what, hint=_EXAMPLES[word.key]) from None
    holds = _OPERATORS[word.operator]

    def test(download: Download, progress: Progress, now: datetime) -> bool:
        value = figure(download, progress, now)
        return value is not None and holds(value, limit)

    return test


def _any_test(word: _Word) -> _Test:
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


def _name_test(word: _Word) -> _Test:
    found = _pattern(word.value)
    return lambda download, _, __: found(download.name.casefold())


def _error_test(word: _Word) -> _Test:
    found = _pattern(word.value)

    def test(download: Download, _: Progress, __: datetime) -> bool:
        error = download.error
        return error is not None and (found(error.code) or found(error.message.casefold()))

    return test


def _group_test(word: _Word) -> _Test:
    found = _pattern(word.value, is_whole=True)

    def test(download: Download, _: Progress, __: datetime) -> bool:
        group = download.request.group
        return group is not None and found(group.casefold())

    return test


def _host_test(word: _Word) -> _Test:
    found = _pattern(word.value)

    def test(download: Download, _: Progress, __: datetime) -> bool:
        url = download.request.url
        # A pattern may end with the host, whatever the port.
        return found(site_of(url)) or found(host_of(url))

    return test


def _status_test(word: _Word) -> _Test:
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


def _not(test: _Test) -> _Test:
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


_FIGURES: dict[str, tuple[Callable[[str], float], _Figure]] = {
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
_TEXTS: dict[str, Callable[[_Word], _Test]] = {
    "": _any_test,
    "status": _status_test,
    "name": _name_test,
    "host": _host_test,
    "group": _group_test,
    "collection": _group_test,
    "error": _error_test,
}
_EXAMPLES = {
    "status": f"such as status:failed, or status:active,{STATES[Status.PENDING]}",
    "name": "such as name:*.iso, or a part of it",
    "host": "such as host:example.org, or host:127.0.0.1:8080; a part of it is enough",
    "group": "such as group:photos",
    "collection": "such as collection:birds, which is the group of that name",
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
_LIVE = frozenset({"rate", "eta", "done"})
_TIMED = frozenset({"age"})
