"""The order of what goes to the disk, proved from the calls themselves.

A record may claim a byte, and a final name may stand for a file, only once the bytes are on the
medium: written, then synced by a call that began after the write had ended, and only then named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.adapters.files.destination import SUFFIX
from tests.crash.trace import Call

_SYNCS = ("fsync", "fdatasync")
_WRITES = ("writev", "pwrite64", "pwritev", "pwritev2")
_NAMES = ("rename", "renameat", "renameat2", "link", "linkat")


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """What was looked at: records with a claim, bytes claimed, final names, answers to `add` and
    `collect`."""

    records: int
    claimed: int
    names: int
    answers: int

    def __str__(self) -> str:
        return (
            f"order: {self.records} records claim {self.claimed} bytes, {self.names} final names,"
            f" {self.answers} acknowledgements; each after the sync of what it stands for"
        )


class OrderProof:
    """Checks the calls of one scenario; what is out of order fails."""

    def __init__(self, calls: Sequence[Call], root: Path) -> None:
        self._calls = calls
        self._files = root / "files"
        self._state = root / "home/state"

    def check(self) -> OrderFigures:
        """Look at every record, every final name and every answer."""
        records = claimed = names = 0
        for call in self._calls:
            if call.name not in _NAMES or not call.worked:
                continue
            target = call.paths[-1]
            if target.parent == self._state / "resume_data":
                done = self._check_record(call)
                records += bool(done)
                claimed += sum(end - start for start, end in done)
            elif target.parent == self._files and target.suffix != SUFFIX:
                self._check_name(call)
                names += 1
        self._check_completions()
        return OrderFigures(records, claimed, names, self._check_answers())

    def _check_record(self, rename: Call) -> list[tuple[int, int]]:
        """Check one resume record, and return the stretches that it claims."""
        written = self._content(rename)
        self._assert_synced(written, rename)
        record = json.loads(b"".join(call.data for call in written))["record"]
        done = [(stretch["start"], stretch["end"]) for stretch in record["done"]]
        part = self._files / f"{record['name']}{SUFFIX}"
        writes = self._writes(part, rename)
        claimed = [call for call in writes if _touches(call, done)]
        self._assert_synced(claimed, rename)
        assert not _missing(done, claimed), f"{rename.paths[-1]} claims bytes nobody wrote"
        return done

    def _check_name(self, naming: Call) -> None:
        """Check that a file which gets its final name is on the medium, all of it."""
        writes = self._writes(self._named(naming), naming)
        assert writes, f"{naming.paths[-1]} got its name without a byte"
        self._assert_synced(writes, naming)

    def _check_completions(self) -> None:
        """Check that a file which is called whole has its name for good."""
        names: dict[str, Path] = {}
        for call in self._calls:
            if call.name != "write" or call.descriptors[:1] != [1]:
                continue
            said = json.loads(call.data)
            if said["event"] == "added":
                names[said["id"]] = self._files / said["url"].rpartition("/")[2]
            elif said["event"] == "completed":
                name = names[said["id"]]
                assert any(
                    self._synced(naming, self._files, call)
                    for naming in self._calls
                    if naming.name in _NAMES and naming.worked and naming.paths[-1] == name
                ), f"{name.name} was called whole before its name was on the medium"

    def _check_answers(self) -> int:
        """Check that what was answered for was in a list that survives, and count that."""
        answers = 0
        for call in self._calls:
            if call.name != "write" or call.descriptors[:1] != [1]:
                continue
            said = json.loads(call.data)
            if said["event"] not in ("added", "collected"):
                continue
            answers += 1
            key = said["id" if said["event"] == "added" else "name"]
            sign = key.encode()
            assert self._is_in_a_generation(sign, call) or self._is_in_a_journal(sign, call), (
                f"{key} was acknowledged before it was on the medium"
            )
        return answers

    def _is_in_a_generation(self, key: bytes, before: Call) -> bool:
        """Tell whether a list that names a download or a collection had got its name for good."""
        for rename in self._calls:
            if rename.name not in _NAMES or rename.paths[-1] != self._state / "downloads.json":
                continue
            if rename.ended >= before.begun:
                continue
            content = self._content(rename)
            self._assert_synced(content, rename)
            if key in b"".join(call.data for call in content):
                return self._synced(rename, self._state, before)
        return False

    def _is_in_a_journal(self, key: bytes, before: Call) -> bool:
        """Tell whether an append that names a download or a collection was synced, and the name of
        its file."""
        made: dict[Path, Call] = {}
        for call in self._calls:
            if call.name == "openat" and "O_CREAT" in call.arguments and call.worked:
                made.setdefault(call.paths[0], call)
            if call.name != "write" or not call.path.name.startswith("downloads.journal"):
                continue
            if key in call.data:
                is_named = self._synced(made[call.path], self._state, before)
                return is_named and self._synced(call, call.path, before)
        return False

    def _content(self, rename: Call) -> list[Call]:
        """Return the writes of a small file that was made anew and now gets its name."""
        writes: list[Call] = []
        for call in self._calls:
            if call.begun >= rename.begun:
                break
            if call.name == "openat" and call.worked and call.paths == [rename.paths[0]]:
                writes.clear()
            if call.name == "write" and call.path == rename.paths[0]:
                writes.append(call)
        assert writes, f"{rename.paths[-1]} got its name without a byte"
        return writes

    def _named(self, naming: Call) -> Path:
        """Return what the file was called that gets a name, as its other calls have it."""
        if naming.name != "linkat" or (descriptor := naming.linked) is None:
            return naming.paths[0]
        return next(
            call.opened
            for call in reversed(self._calls)
            if call.name == "openat" and call.result == descriptor and call.begun < naming.begun
        )

    def _writes(self, part: Path, before: Call) -> list[Call]:
        return [
            call
            for call in self._calls
            if call.name in _WRITES and call.path == part and call.begun < before.begun
        ]

    def _assert_synced(self, writes: Iterable[Call], naming: Call) -> None:
        for write in writes:
            assert self._synced(write, write.path, naming), (
                f"line {naming.begun + 1} of the trace names {naming.paths[-1]} before what"
                f" line {write.begun + 1} wrote to {write.path} was synced"
            )

    def _synced(self, change: Call, path: Path, before: Call) -> bool:
        """Tell whether a sync of `path` began after a change had ended, and ended in time."""
        return any(
            call.name in _SYNCS
            and call.worked
            and call.path == path
            and change.ended < call.begun
            and call.ended < before.begun
            for call in self._calls
        )


def _touches(write: Call, stretches: Iterable[tuple[int, int]]) -> bool:
    start, end = write.offset, write.offset + len(write.data)
    return any(start < stop and begin < end for begin, stop in stretches)


def _missing(stretches: Iterable[tuple[int, int]], writes: Iterable[Call]) -> int:
    """Return how many bytes of the stretches no write has covered."""
    written = sorted((call.offset, call.offset + len(call.data)) for call in writes)
    missing = 0
    for begin, stop in stretches:
        at = begin
        for start, end in written:
            if start <= at < end:
                at = end
        missing += max(0, stop - at)
    return missing
