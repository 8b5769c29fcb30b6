"""Where in config.toml a mistake is, and what it is: what a person needs to mend it.

The parser tells no lines of what it has read, so they are looked for: the first that could be it.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.domain.bounds import cut
from core.domain.errors import ConfigError

_HEADER = re.compile(r"\s*\[{1,2}\s*([^\[\]#]{1,200}?)\s*\]")
_KEY = re.compile(r"\s*([^=#\[]{1,200}?)\s*=")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_QUOTES = "\"' \t"

# What the parser says, in the words of somebody who has to mend it.
_CAUSES = (
    ("Cannot overwrite", "{} is there twice", "take one of the two out"),
    ("Cannot declare", "the section {} is there twice", "put what is in both together"),
    ("Cannot mutate", "the section {} is there twice", "put what is in both together"),
    ("Duplicate", "{} is there twice", "take one of the two out"),
    ("Invalid value", "the value is none", 'text needs quotes: directory = "/data"'),
    ("Expected ']'", "a bracket is not closed", "a section is written [limits]"),
    ("Unclosed array", "a bracket is not closed", ""),
    ("Expected '='", "an = is missing", "a setting is written active = 4"),
    ("Invalid statement", "it is no setting and no section", "a setting is written active = 4"),
    ("Illegal character", "a quote is not closed, or a control character is in the text", ""),
    ("Unterminated string", "a quote is not closed", ""),
    ("Unescaped", "a backslash stands alone", "write it twice, or use single quotes"),
    ("Expected newline", "something follows the value", "text needs quotes; a comment has a #"),
)


def place(path: Path, text: str, *names: str) -> str:
    """Return the file with the number of the line where a section or a setting is written.

    The names lead to it from the outside in: `limits`, `active`.
    """
    return _at(path, _line_of(text, list(names)))


def entry_place(path: Path, text: str, number: int, wanted: str) -> str:
    """Return the file with the line of something in one `[[limits.schedule]]`, counted from 1.

    That of the entry where `wanted` is not written in it.
    """
    count, begin = 0, None
    for line_number, line in enumerate(text.splitlines(), start=1):
        if (header := _HEADER.match(line)) is not None:
            if begin is not None:
                break
            count += _parts(header[1]) == ["limits", "schedule"]
            begin = line_number if count == number else None
        elif begin is not None and wanted and wanted in line:
            return _at(path, line_number)
    return _at(path, begin or _line_of(text, ["limits", "schedule"]))


def syntax_error(message: str, path: Path, text: str) -> ConfigError:
    """Return the error for a file that is no TOML, by what the parser says of it."""
    match = _AT.search(message)
    said = message[: match.start()] if match else message
    line = match[1] if match else None
    where = f"line {line}" if line else "at its end"
    for begin, cause, hint in _CAUSES:
        if said.startswith(begin):
            shown = cause.format(_subject(text, int(line)) if line else "something")
            return ConfigError(f"{path}, {where}: this is not valid TOML: {shown}", hint=hint)
    return ConfigError(f"{path}, {where}: this is not valid TOML: {said}")


def _at(path: Path, number: int | None) -> str:
    return str(path) if number is None else f"{path}, line {number}"


def _subject(text: str, number: int) -> str:
    """Return what a line is about: `[limits]` or `active`."""
    lines = text.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    if (header := _HEADER.match(line)) is not None:
        return header[0].strip()
    return cut(found[1], 80) if (found := _KEY.match(line)) is not None else "it"


def _line_of(text: str, names: list[str]) -> int | None:
    current: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if (header := _HEADER.match(line)) is not None:
            current = _parts(header[1])
            if current[: len(names)] == names:
                return number
        elif (found := _KEY.match(line)) is not None:
            name = [*current, *_parts(found[1])]
            # A section may also be one line: limits = { active = 4 }
            if name[: len(names)] == names or names[: len(name)] == name:
                return number
    return None


def _parts(dotted: str) -> list[str]:
    return [part.strip(_QUOTES) for part in dotted.split(".")]
