"""Reads a command line as bash would split it, and expands or runs nothing. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.domain.errors import UsageError

_END = "\n;&|<>"
_PLAIN = re.compile(r"[^\s'\"\\$`;&|<>]+")
_DOUBLE = re.compile(r'[^"\\$`]+')
_ANSI = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_TO_EXPAND = re.compile(r"\$[A-Za-z_{(0-9?!@*#$-]|`")


@dataclass(frozen=True, slots=True)
class ShellWords:
    """The words of a command, and where in the text it ended.

    `trouble` is what makes the words wrong, None where they are what bash would see.
    """

    words: tuple[str, ...]
    end: int
    trouble: UsageError | None = None


def read_command(text: str, start: int = 0) -> ShellWords:
    """Read the command at `start`; it ends with its line, or at `;`, `&`, `|`, `<` or `>`.

    A `#` begins no comment: in an address without quotes it is the fragment's.
    """
    scan = _Scan(text, start)
    words = []
    while (word := scan.word()) is not None:
        words.append(word)
    return ShellWords(tuple(words), scan.at, scan.trouble)


class _Scan:
    """A place in a text."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
        self.trouble: UsageError | None = None

    def word(self) -> str | None:
        """Return the next word; None at the end of the command."""
        text = self._text
        while text[self.at : self.at + 1] in (" ", "\t", "\r") or text.startswith("\\\n", self.at):
            self.at += 2 if text[self.at] == "\\" else 1
        parts: list[str] = []
        begin = self.at
        while self.at < len(text) and not text[self.at].isspace() and text[self.at] not in _END:
            parts.append(self._part(text[self.at]))
        return "".join(parts) if self.at > begin else None

    def _part(self, character: str) -> str:
        match character:
            case "'":
                return self._single()
            case '"':
                return self._double()
            case "\\":
                self.at = min(self.at + 2, len(self._text))
                return self._text[self.at - 1].replace("\n", "")
            case "$" if self._text.startswith("$'", self.at):
                return self._ansi()
        if (match_ := _PLAIN.match(self._text, self.at)) is None:
            return self._unquotable(character)
        self.at = match_.end()
        return match_[0]

    def _single(self) -> str:
        start = self.at + 1
        end = self._text.find("'", start)
        if end < 0:
            return self._left_open()
        self.at = end + 1
        return self._text[start:end]

    def _double(self) -> str:
        parts = []
        self.at += 1
        while (character := self._text[self.at : self.at + 1]) != '"':
            if not character:
                return self._left_open()
            if character == "\\":
                following = self._text[self.at + 1 : self.at + 2]
                parts.append(following if following and following in '$`"\\' else "\\" + following)
                if following == "\n":
                    parts[-1] = ""
                self.at += 2
            elif (match := _DOUBLE.match(self._text, self.at)) is not None:
                parts.append(match[0])
                self.at = match.end()
            else:
                parts.append(self._unquotable(character))
        self.at += 1
        return "".join(parts)

    def _ansi(self) -> str:
        match = _ANSI.match(self._text, self.at)
        if match is None:
            return self._left_open()
        self.at = match.end()
        return _ESCAPE.sub(_unescape, match[1])

    def _unquotable(self, character: str) -> str:
        if self.trouble is None and _TO_EXPAND.match(self._text, self.at):
            self.trouble = UsageError(
                "this command needs a shell: it holds a $variable or a `command`",
                hint="put what it stands for in its place",
            )
        self.at += 1
        return character

    def _left_open(self) -> str:
        self.trouble = UsageError("a quote is not closed", hint="paste the whole command")
        self.at = len(self._text)
        return ""


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        is_character = number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
        return chr(number) if is_character else "\N{REPLACEMENT CHARACTER}"
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _ESCAPES.get(code, code if code in "'\"\\?" else match[0])
