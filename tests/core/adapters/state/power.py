"""A directory whose power fails at a chosen call: what was not synced by then may be lost.

The calls are carried out on the real file system and, beside that, on the model of a disk, which
knows what a cut may leave (`tests/crash/disk_model.py`).
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.disk_model import Cut, Directory, File, Node, Resize, Write, materialise


class PowerCutError(BaseException):
    """The power is gone: nothing is done any more."""


class Power:
    """The power of one directory, which holds files only; it fails at the `last` call from here."""

    def __init__(self, place: Path, patch: pytest.MonkeyPatch, last: int) -> None:
        self._place = place
        self._left = last
        self._lock = threading.RLock()
        self._opened: dict[int, tuple[Node, bool]] = {}
        self.disk = Directory()
        for path in place.iterdir():
            file = File(bytearray(path.read_bytes()), size=path.stat().st_size)
            self.disk.entries[path.name] = self.disk.lasting[path.name] = file
        for name in _CALLS:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    @property
    def is_gone(self) -> bool:
        """Whether it has failed."""
        return self._left <= 0

    def leave(self, chance: random.Random, place: Path) -> None:
        """Make what a cut may leave in an empty directory."""
        materialise(self.disk, Cut(chance), place)

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        act: Callable[..., Any] = getattr(self, f"_{name}")

        def watched(*args: Any, **kwargs: Any) -> Any:
            return act(call, *args, **kwargs)

        return watched

    def _step(self) -> None:
        """Count a call, and end everything where it was the last one."""
        self._left -= 1
        if self.is_gone:
            raise PowerCutError

    def _name(self, path: Any) -> str | None:
        path = Path(path)
        return path.name if path.parent == self._place else None

    def _open(self, call: Callable[..., int], path: Any, flags: int, *args: Any, **kw: Any) -> int:
        with self._lock:
            name = self._name(path)
            is_new = name is not None and flags & os.O_CREAT and name not in self.disk.entries
            if is_new:
                self._step()
            descriptor = call(path, flags, *args, **kw)
            self._opened.pop(descriptor, None)
            if Path(path) == self._place:
                self._opened[descriptor] = self.disk, False
            elif name is not None:
                if is_new:
                    self.disk.change((name, File()))
                self._opened[descriptor] = self.disk.entries[name], bool(flags & os.O_APPEND)
            return descriptor

    def _close(self, call: Callable[[int], None], descriptor: int) -> None:
        with self._lock:
            self._opened.pop(descriptor, None)
            call(descriptor)

    def _write(self, call: Callable[..., int], descriptor: int, data: bytes) -> int:
        with self._lock:
            node = self._opened.get(descriptor, (None,))[0]
            if not isinstance(node, File):
                return call(descriptor, data)
            write = Write(node.size, bytes(data))
            node.pending.append(write)
            self._step()
            written = call(descriptor, data)
            assert written == len(data)
            node.size += written
            write.is_over = True
            return written

    def _ftruncate(self, call: Callable[[int, int], None], descriptor: int, size: int) -> None:
        with self._lock:
            node = self._opened[descriptor][0]
            assert isinstance(node, File)
            change = Resize(size)
            node.pending.append(change)
            self._step()
            call(descriptor, size)
            node.size, change.is_over = size, True

    def _fsync(self, call: Callable[[int], None], descriptor: int) -> None:
        node = self._opened.get(descriptor, (None,))[0]
        with self._lock:
            self._step()
            seen = list(node.pending) if node is not None else []
        call(descriptor)
        with self._lock:
            self._step()
            if isinstance(node, File):
                node.settle([change for change in seen if change.is_over])
            elif isinstance(node, Directory):
                node.settle(sum(any(change is one for one in seen) for change in node.pending))

    _fdatasync = _fsync

    def _replace(self, call: Callable[..., None], source: Any, target: Any) -> None:
        with self._lock:
            self._step()
            call(source, target)
            old, new = self._name(source), self._name(target)
            assert old is not None
            assert new is not None
            if self.disk.entries.get(new) is not (node := self.disk.entries[old]):
                self.disk.change((old, None), (new, node))

    _rename = _replace

    def _link(self, call: Callable[..., None], source: Any, target: Any, **kw: Any) -> None:
        with self._lock:
            self._step()
            call(source, target, **kw)
            old, new = self._name(source), self._name(target)
            assert old is not None
            assert new is not None
            self.disk.change((new, self.disk.entries[old]))

    def _unlink(self, call: Callable[..., None], path: Any, **kw: Any) -> None:
        with self._lock:
            name = self._name(path)
            if name in self.disk.entries:
                self._step()
            call(path, **kw)
            if name is not None:
                self.disk.change((name, None))


_CALLS = (
    *("open", "close", "write", "ftruncate", "fsync", "fdatasync"),
    *("replace", "rename", "link", "unlink"),
)
