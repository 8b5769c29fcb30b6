"""What strace wrote down, as calls with a beginning and an end.

Threads make their calls at the same time: whether one was over before another began is the only
order that there is, so both are kept, as numbers of lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_LINE = re.compile(r"(\d+) +(.*)")
_WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(.*)", re.DOTALL)
_BEGUN = re.compile(r"(\w+)\((.*?) *<unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"(AT_FDCWD|\d+)(?:<([^>]*)>)?")
_DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True)
class Call:
    """One system call, `begun` and `ended` in lines; `result` is None where it never returned."""

    thread: int
    name: str
    arguments: str
    result: int | None
    begun: int
    ended: int
    tail: str = ""

    @cached_property
    def strings(self) -> list[bytes]:
        """Its strings: paths, or the bytes that were written."""
        found = []
        for text, cut in _STRING.findall(self.arguments):
            assert not cut, "strace cut a string short"
            found.append(_decoded(text))
        return found

    @cached_property
    def data(self) -> bytes:
        """The bytes that it has written."""
        return b"".join(self.strings)[: self.result]

    @cached_property
    def numbers(self) -> list[int]:
        """The numbers at the end of its arguments."""
        return [int(n) for n in re.findall(r"(?<=, )(-?\d+)(?=, |$)", self.arguments[-80:])]

    @property
    def offset(self) -> int:
        """Where a write that names its place begins."""
        return self.numbers[1]

    @cached_property
    def descriptors(self) -> list[int]:
        """The descriptors among its arguments, -1 for the working directory."""
        parts = re.findall(r"(?:^|, )(AT_FDCWD|\d+)<", self.arguments)
        return [-1 if part == "AT_FDCWD" else int(part) for part in parts]

    @cached_property
    def path(self) -> Path:
        """The path that strace knew for its first descriptor."""
        match = _DESCRIPTOR.match(self.arguments)
        return Path(_decoded(match[2] or "").decode() if match else "")

    @property
    def opened(self) -> Path:
        """The path that strace knew for the descriptor that it returned."""
        return Path(_decoded(self.tail.partition("<")[2].partition(">")[0]).decode())

    @property
    def is_unnamed(self) -> bool:
        """Whether it is about a file without a name; its path is then one of the kernel's."""
        return ">(deleted)" in self.arguments

    @cached_property
    def paths(self) -> list[Path]:
        """The paths that it names, each below the directory that its descriptor stands for."""
        found = []
        for at, text in re.findall(
            r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:\\x[0-9a-f]{2})*)"', self.arguments
        ):
            found.append(Path(_decoded(at).decode()) / _decoded(text).decode())
        return found

    @property
    def linked(self) -> int | None:
        """The descriptor of the file without a name that it links to one."""
        source = self.paths[0]
        return int(source.name) if source.parent == _DESCRIPTORS else None

    @property
    def worked(self) -> bool:
        """Whether it returned without an error."""
        return self.result is not None and self.result >= 0


def parse(file: Path) -> list[Call]:
    """Return the calls in the order in which they began."""
    calls: list[Call] = []
    begun: dict[int, tuple[int, str, str]] = {}
    with file.open() as lines:
        for number, line in enumerate(lines):
            match = _LINE.match(line)
            assert match is not None, line
            thread, text = int(match[1]), match[2]
            first = number
            if (unfinished := _BEGUN.fullmatch(text)) is not None:
                begun[thread] = (number, unfinished[1], unfinished[2])
                continue
            if (resumed := _RESUMED.fullmatch(text)) is not None:
                first, name, arguments = begun.pop(thread)
                text = f"{name}({arguments}{resumed[2]}"
            if (whole := _WHOLE.fullmatch(text)) is not None:
                result = None if whole[3] == "?" else int(whole[3])
                calls.append(Call(thread, whole[1], whole[2], result, first, number, whole[4]))
    for thread, (number, name, arguments) in begun.items():
        calls.append(Call(thread, name, arguments, None, number, 1 << 60))
    return sorted(calls, key=lambda call: call.begun)


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
