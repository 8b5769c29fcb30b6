"""The language in which a person says which downloads to see; the screen and `winch ls` share it.

Words are looked for in name, host and group; `key:value` tests one thing, `!` before either turns
it around, double quotes hold together what has spaces, and all of it must be so. A text becomes one
function, because it is asked of every row of a long queue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from core.domain.bounds import MAX_URL
from core.domain.models import Download, Progress
from tui.model.filter_terms import (
    FIGURES,
    LIVE,
    OPERATORS,
    TIMED,
    FilterError,
    Test,
    Word,
    compile_term,
)

__all__ = ["Filter", "FilterError", "parse", "quote"]

_PIECE = re.compile(r'\s+|"((?:[^"\\]|\\.)*)("?)|[^\s"]+', re.DOTALL)
_HEAD = re.compile(r"(!*)(?:([A-Za-z]+):)?")
_OPERATOR = re.compile("|".join(OPERATORS))


@dataclass(frozen=True, slots=True)
class Filter:
    """A question to ask of downloads: `matches(download, progress, now)`.

    `is_live` tells that the answer changes with the progress, `is_timed` that it does so with the
    time alone. `keys` are those of its terms, "" for words without one.
    """

    text: str
    matches: Test = field(compare=False, repr=False)
    is_live: bool = field(compare=False)
    is_timed: bool = field(compare=False)
    is_empty: bool = field(compare=False)
    keys: frozenset[str] = field(compare=False)


def parse(text: str) -> Filter:
    """Return what a text asks for, everything when it is empty; raises FilterError."""
    if len(text) > MAX_URL:
        raise FilterError("this is longer than any filter", MAX_URL, len(text))
    words = _split(text)
    tests = [compile_term(word) for word in words]
    keys = frozenset(word.key for word in words)
    return Filter(
        text=text,
        matches=_all(tests),
        is_live=bool(keys & LIVE),
        is_timed=bool(keys & TIMED),
        is_empty=not tests,
        keys=keys,
    )


def quote(text: str) -> str:
    """Return text so that it stands for itself in a filter, as a word or as a value."""
    head = _HEAD.match(text)
    if text and not re.search(r'[\s"]', text) and head is not None and not head[0]:
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _split(text: str) -> list[Word]:
    words: list[Word] = []
    open_word: Word | None = None
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


def _begin(start: int, piece: str) -> Word:
    """Return the term that begins with a piece outside of quotes; only there signs are signs."""
    head = _HEAD.match(piece)
    signs, key = (head[1], (head[2] or "").lower()) if head else ("", "")
    rest = piece[head.end() :] if head else piece
    value_start = start + len(piece) - len(rest)
    sign = _OPERATOR.match(rest) if key in FIGURES else None
    return Word(
        start=start,
        end=start + len(piece),
        is_negated=len(signs) % 2 == 1,
        key=key,
        operator=sign[0] if sign else "=",
        value=rest[sign.end() :] if sign else rest,
        value_start=value_start,
    )


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test(download: Download, progress: Progress, now: datetime) -> bool:
        for each in tests:  # noqa: SIM110 - a generator would take twice as long
            if not each(download, progress, now):
                return False
        return True

    return test
