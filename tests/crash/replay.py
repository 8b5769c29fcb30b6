"""The calls of a recording, carried out on the model of a disk, up to any moment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.disk_model import Directory, File, Node, Resize, Write
from tests.crash.trace import Call

_IDENTITY = re.compile(r"st_dev=makedev\((\w+), (\w+)\), st_ino=(\d+)")
_MODIFIED = re.compile(r"st_mtime=(\d+)\b.*? st_mtime_nsec=(\d+)")


@dataclass(slots=True)
class _Opened:
    node: Node
    appends: bool = False
    position: int = 0


class Replay:
    """Carries out a recording below `root` step by step; a step is the begin or the end of a call.

    `disk` is what lies below the root, `said` the lines that were written to stdout.
    """

    def __init__(self, calls: Sequence[Call], root: Path) -> None:
        self._root = root
        self._opened: dict[int, _Opened] = {}
        self._steps: list[tuple[int, int, Callable[[], None]]] = []
        self._at = 0
        self.disk = Directory()
        files = Directory()
        self.disk.entries["files"] = self.disk.lasting["files"] = files
        self.said: list[bytes] = []
        for call in calls:
            self._plan(call)
        self._steps.sort(key=lambda step: step[:2])

    def __len__(self) -> int:
        return len(self._steps)

    def go_on(self, steps: int) -> None:
        """Carry out all steps up to this number, beginning where it stopped before."""
        for _, _, step in self._steps[self._at : steps]:
            step()
        self._at = max(self._at, steps)

    def _plan(self, call: Call) -> None:
        match call.name:
            case "fsync" | "fdatasync":
                self._plan_sync(call)
            case "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2":
                self._plan_write(call)
            case _ if call.worked:
                if (act := _ACTS.get(call.name)) is not None:
                    self._step(call.ended, 1, lambda: act(self, call))

    def _step(self, line: int, half: int, act: Callable[[], None]) -> None:
        self._steps.append((line, half, act))

    def _plan_sync(self, call: Call) -> None:
        seen: list[Write | Resize] = []
        count = 0

        def begin() -> None:
            nonlocal count
            match self._node(call):
                case File() as file:
                    seen.extend(change for change in file.pending if change.is_over)
                case Directory() as directory:
                    count = len(directory.pending)

        def end() -> None:
            match self._node(call):
                case File() as file:
                    file.settle([change for change in file.pending if change in seen])
                case Directory() as directory:
                    directory.settle(count)

        self._step(call.begun, 0, begin)
        if call.worked:
            self._step(call.ended, 1, end)

    def _plan_write(self, call: Call) -> None:
        write = Write(0, b"")

        def begin() -> None:
            if call.descriptors[:1] == [1]:
                self.said.append(call.data)
            opened = self._opened.get(call.descriptors[0])
            if opened is None or not isinstance(opened.node, File):
                return
            write.data = call.data
            if call.name.startswith("p"):
                write.offset = call.offset
            elif opened.appends:
                write.offset = opened.node.size
            else:
                write.offset = opened.position
                opened.position += len(call.data)
            opened.node.size = max(opened.node.size, write.offset + len(call.data))
            opened.node.pending.append(write)

        def end() -> None:
            write.is_over = True

        self._step(call.begun, 0, begin)
        self._step(call.ended, 1, end)

    def _node(self, call: Call) -> Node | None:
        opened = self._opened.get(call.descriptors[0])
        return opened.node if opened is not None else None

    def _find(self, path: Path) -> tuple[Directory, str] | None:
        """Return the directory that a path is in and its name there; None outside of the root."""
        if not path.is_relative_to(self._root) or path == self._root:
            return None
        directory = self.disk
        *above, name = path.relative_to(self._root).parts
        for part in above:
            found = directory.entries[part]
            assert isinstance(found, Directory)
            directory = found
        return directory, name

    def _open(self, call: Call) -> None:
        assert call.result is not None
        self._opened.pop(call.result, None)
        path = call.paths[0]
        if "O_TMPFILE" in call.arguments:
            self._opened[call.result] = _Opened(File())
            return
        if path == self._root:
            self._opened[call.result] = _Opened(self.disk)
            return
        if (found := self._find(path)) is None:
            return
        directory, name = found
        if name not in directory.entries:
            assert "O_CREAT" in call.arguments, call
            directory.change((name, File()))
        node = directory.entries[name]
        if "O_TRUNC" in call.arguments and isinstance(node, File):
            node.size = 0
            node.pending.append(Resize(0, is_over=True))
        self._opened[call.result] = _Opened(node, "O_APPEND" in call.arguments)

    def _close(self, call: Call) -> None:
        self._opened.pop(int(call.arguments.partition("<")[0]), None)

    def _stat(self, call: Call) -> None:
        match = _IDENTITY.search(call.arguments)
        node = self._node(call) if call.descriptors else None
        named = call.strings and call.strings[0]
        if match is not None and isinstance(node, File) and not named:
            device = os.makedev(int(match[1], 16), int(match[2], 16))
            node.number = (device, int(match[3]))
            modified = _MODIFIED.search(call.arguments)
            assert modified is not None, call
            node.modified = int(modified[1]) * 10**9 + int(modified[2])

    def _make_directory(self, call: Call) -> None:
        if (found := self._find(call.paths[0])) is not None:
            found[0].change((found[1], Directory()))

    def _rename(self, call: Call) -> None:
        if (source := self._find(call.paths[0])) and (target := self._find(call.paths[1])):
            assert source[0] is target[0], "the model knows only renames within a directory"
            node = source[0].entries[source[1]]
            source[0].change((source[1], None), (target[1], node))

    def _link(self, call: Call) -> None:
        if (target := self._find(call.paths[1])) is None:
            return
        if (descriptor := call.linked) is not None:
            target[0].change((target[1], self._opened[descriptor].node))
        elif source := self._find(call.paths[0]):
            target[0].change((target[1], source[0].entries[source[1]]))

    def _unlink(self, call: Call) -> None:
        if (found := self._find(call.paths[0])) and found[1] in found[0].entries:
            found[0].change((found[1], None))

    def _resize(self, call: Call) -> None:
        node = self._node(call)
        if isinstance(node, File):
            node.size = call.numbers[-1]
            node.pending.append(Resize(node.size, is_over=True))

    def _allocate(self, call: Call) -> None:
        node = self._node(call)
        if "KEEP_SIZE" not in call.arguments and isinstance(node, File):
            node.size = max(node.size, sum(call.numbers[-2:]))
            node.pending.append(Resize(node.size, is_over=True))


_ACTS: dict[str, Callable[[Replay, Call], None]] = {
    "openat": Replay._open,
    "close": Replay._close,
    "fstat": Replay._stat,
    "newfstatat": Replay._stat,
    "mkdir": Replay._make_directory,
    "mkdirat": Replay._make_directory,
    "rename": Replay._rename,
    "renameat": Replay._rename,
    "renameat2": Replay._rename,
    "link": Replay._link,
    "linkat": Replay._link,
    "unlink": Replay._unlink,
    "unlinkat": Replay._unlink,
    "ftruncate": Replay._resize,
    "fallocate": Replay._allocate,
}
