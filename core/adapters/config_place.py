"""Where in config.toml a mistake is, and what it is: what a person needs to mend it.

The parser tells no lines of what it has read, so they are looked for: the first that could be it.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.domain.errors import ConfigError

_HEADER = re.compile(r"\s*\[{1,2}\s*([^\[\]#]{1,200}?)\s*\]")
_KEY = re.compile(r"\s*([^=#\[]{1,200}?)\s*=")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_QUOTES = "\"' \t"

# What the parser says, in the words of somebody who has to mend it.
_CAUSES = (
    ("Cannot overwrite", "it is there twice", "take one of the two out"),
    ("Cannot declare", "the section is there twice", "put what is in both together"),
    ("Cannot mutate", "the section is there twice", "put what is in both together"),
    ("Duplicate", "it is there twice", "take one of the two out"),
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


def place(path: Path, text: str, section: str, key: str = "") -> str:
    """Return the file with the number of the line where a section or a setting is written."""
    number = _line_of(text, section, key)
    return str(path) if number is None else f"{path}, line {number}"


def syntax_error(message: str, path: Path) -> ConfigError:
    """Return the error for a file that is no TOML, by what the parser says of it."""
    match = _AT.search(message)
    said = message[: match.start()] if match else message
    line = match[1] if match else None
    where = f"line {line}" if line else "at its end"
    for begin, cause, hint in _CAUSES:
        if said.startswith(begin):
            return ConfigError(f"{path}, {where}: this is not valid TOML: {cause}", hint=hint)
    return ConfigError(f"{path}, {where}: this is not valid TOML: {said}")


def _line_of(text: str, section: str, key: str) -> int | None:
    current: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if (header := _HEADER.match(line)) is not None:
            current = _parts(header[1])
            if current[: 2 if key else 1] == ([section, key] if key else [section]):
                return number
        elif (found := _KEY.match(line)) is not None:
            name = [*current, *_parts(found[1])]
            # A section may also be one line: limits = { active = 4 }
            if name[:2] == [section, key] or name == [section] or (not key and name[0] == section):
                return number
    return None


def _parts(dotted: str) -> list[str]:
    return [part.strip(_QUOTES) for part in dotted.split(".")]
