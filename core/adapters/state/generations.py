"""A TinyDB database on disk as generations, each with a journal: what is renamed when, and why.

TinyDB's own storage rewrites its file in place, and a kill in between leaves neither the old
content nor the new one. This one replaces the file as a whole, keeps the generation before, and
appends to a journal what changes in between. What it writes, plain TinyDB reads.

    downloads.json          generation n, as a whole
    downloads.json.bak      generation n - 1
    downloads.journal       what was changed since generation n
    downloads.journal.bak   what was changed between n - 1 and n
    downloads.journal.new   while n + 1 is being written: what is changed since it was begun

Each file says itself of which generation it is; the names are for people, and loading does not
depend on them. Generation n with the journals n, n + 1 and so on, as far as they are there without
a gap, is the truth, and so is generation n - 1 with the journals n - 1, n and so on. Where no
generation is left the journals still hold what was acknowledged last, though never all of it.

A new generation is written in these steps:

1. Journal n is ended: what is behind its last whole append is cut off, and that synced. From here
   on changes go to journal n + 1, whose file is `.new`. An append is acknowledged once its bytes,
   and the name of a file that it made, are synced.
2. Generation n + 1 is written to `downloads.json.tmp` and synced: all that journal n holds, and
   perhaps what journal n + 1 does already. That is no harm, as a change says what a record is from
   then on, and not how it differs: making all of journal n + 1's changes once more ends in the
   same. So what is ahead of the journals may be in it only as long as journal n + 1 is empty, for
   then it is in its first append.
3. A link to generation n replaces `.bak`, `downloads.json.tmp` replaces `downloads.json`, and the
   directory is synced (`files/atomic_file.py`).
4. Journal n becomes `.journal.bak`, and `.new` becomes the journal; the directory is synced.

A kill or a power cut before 3 leaves generation n with the journals n and n + 1; between 3 and 4
generation n + 1 with its journal, still called `.new`, beside an older one that is passed over. A
step that fails is tried again with all that follow it, and appends go on meanwhile. While there is
no generation that a journal could follow (nothing is there yet, an older winch wrote it, a part of
it was damaged), and at the end, a generation with a number of its own is written while nothing is
appended, and `is_settled` is False until that is done.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage

from core.adapters.files.atomic_file import (
    name_aside,
    set_aside,
    sync_directory,
    write_atomically,
)
from core.adapters.state.journal import Changes, Head, Journal
from core.adapters.state.survey import Survey, survey
from core.adapters.state.tables import Format, Tables, TablesText
from core.domain.value import Value

AnyTables = Mapping[str, Mapping[Any, Any]]


class Loaded(Value, frozen=True, kw_only=True):
    """What was found at the start.

    `notices` are sentences for the person. `saved_at` is the wall time of the last change that was
    saved, None where nobody wrote it down. `is_found` is False where there is no readable
    generation, and so no more than what journals tell. `is_whole` is False when something of the
    newest state was not readable: then `tables` may lack records, and nothing that looks orphaned
    may be removed.
    """

    tables: Tables
    notices: tuple[str, ...] = ()
    saved_at: datetime | None = None
    is_found: bool = True
    is_whole: bool = True


class GenerationStorage(Storage):
    """TinyDB storage in which every write is a new generation, with a journal in between.

    Its methods block. Appends come from one thread at a time, and so do the others; an append may
    run beside `write_begun`. `is_settled` tells that there is a
    generation which a journal can follow, `size` how many bytes that has.
    """

    def __init__(self, path: Path, layout: Format) -> None:
        self.path = path
        self.is_loaded = False
        self.is_settled = False
        self.size = 0
        self._format = layout
        self._backup = path.with_name(f"{path.name}.bak")
        self._current = path.with_suffix(".journal")
        self._before = path.with_suffix(".journal.bak")
        self._new = path.with_suffix(".journal.new")
        self._generation = 0
        self._newest = 0
        self._journal = Journal(self._current, self._head(0))
        self._useless: dict[Path, Path] = {}
        self._names = threading.Lock()

    @property
    def journal_length(self) -> int:
        """How many bytes the journal has that is being appended to."""
        return self._journal.length

    @property
    def is_behind(self) -> bool:
        """Whether there are changes that the file does not have yet."""
        return self._journal.length > 0 or self.has_begun

    @property
    def has_begun(self) -> bool:
        """Whether the journal is that of a generation which is not there yet."""
        return self._journal.generation > self._generation

    def is_gone(self) -> bool:
        """Tell whether somebody took the file away, which the next generation makes good; looks."""
        return self.is_settled and not self.path.exists()

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the tables as they are on disk, as TinyDB has them; raises StateError."""
        tables = self._survey().tables
        numbered = self._format.numbered
        return {
            name: {
                str(number) if name in numbered else id_: msgspec.to_builtins(record)
                for number, (id_, record) in enumerate(table.items(), 1)
            }
            for name, table in tables.items()
        }

    def write(self, data: AnyTables) -> None:
        """Make these tables the next generation, for TinyDB; raises as `write_whole` does."""
        if not self.is_loaded:
            self.load()
        self.write_whole(data, datetime.now(UTC))

    def load(self) -> Loaded:
        """Read the newest state that can be believed and set aside the generations that cannot be.

        Raises StateError; a document of a newer winch is then untouched.
        """
        title = self._format.title
        found = self._survey()
        # Only now: a backup from a newer winch must have left everything in its place.
        notices = [
            f"{path.name} {reason}; it was kept as {set_aside(path).name}."
            for path, reason in found.damaged.items()
        ]
        # What of a journal counts is nowhere else yet: it has to wait for the next generation.
        self._useless = {path: name_aside(path) for path in found.unused}
        notices += [
            f"{path.name} {reason}; it is kept as {self._useless[path].name}."
            for path, reason in found.unused.items()
        ]
        if found.place == self._backup:
            missing = "" if self.path in found.damaged else f"{self.path.name} is missing. "
            notices.append(
                f"{missing}The {title} was read from {self._backup.name}, the generation before:"
                " the last changes may be missing."
            )
        elif found.last is not None and found.place is None:
            notices.append(
                f"No readable {title} is left. What was changed last was read from its journal, as"
                f" of {found.last.path.name}; the rest is missing."
            )
        elif found.place is None and notices:
            notices.append(f"No readable {title} is left.")
        self._take_up(found)
        return Loaded(
            tables=found.tables,
            notices=tuple(notices),
            saved_at=found.saved_at,
            is_found=found.place is not None,
            is_whole=not notices,
        )

    def append(self, changes: Changes, saved_at: datetime) -> bool:
        """Add changes to the journal; on return they survive a power cut.

        Returns False where there is no journal to go on with: then `is_settled` is False, and a
        generation has to be written. Raises OSError; then none of the changes counts.
        """
        with self._names:
            self.is_settled = self.is_settled and self._journal.append(changes, saved_at)
        return self.is_settled

    def begin(self) -> bool:
        """Begin a new generation: what is appended from here on goes to its journal.

        Returns False where there is nothing to go on with, as `append`; raises OSError.
        """
        if self.is_settled and not self.has_begun:
            self._finish()
            if self._journal.end():
                self._journal = Journal(self._new, self._head(self._generation + 1))
            else:
                self.is_settled = False
        return self.is_settled

    def write_begun(self, tables: AnyTables, saved_at: datetime | None) -> None:
        """Write the generation that was begun, beside appends to its journal.

        Raises OSError, and this can be done again. A record that is not as the journals have it has
        to be in the first append that comes after this, and before any other.
        """
        self._write(tables, saved_at, self._journal.generation)

    def write_whole(self, tables: AnyTables, saved_at: datetime | None) -> None:
        """Write a generation that no journal belongs to yet, while nothing is appended.

        Raises OSError, and this has to be done again before anything is appended.
        """
        self._finish()
        self.is_settled = False
        # A journal that was begun for the next one may lack what these tables have.
        generation = max(self._newest, self._journal.generation) + 1
        self._write(tables, saved_at, generation)

    def _write(self, tables: AnyTables, saved_at: datetime | None, generation: int) -> None:
        text = TablesText(self._format, tables, generation=generation, saved_at=saved_at)
        write_atomically(self.path, text, backup=self._backup)
        if self._journal.generation != generation:
            self._journal = Journal(self._current, self._head(generation))
        self._generation = self._newest = generation
        self.size = text.size
        self._arrange_names()
        self.is_settled = True

    def _finish(self) -> None:
        """Take the last step of a generation where a kill, or an error, came before it."""
        if self.is_settled and self._journal.path == self._new and not self.has_begun:
            self._arrange_names()

    def _arrange_names(self) -> None:
        """Give the journals the names that they have beside the generation that is there now."""
        with self._names:
            for path, aside in self._useless.items():
                with suppress(FileNotFoundError):
                    path.rename(aside)
            try:
                self._current.replace(self._before)
            except FileNotFoundError:
                self._before.unlink(missing_ok=True)
            if self._journal.path == self._new:
                with suppress(FileNotFoundError):  # nothing was appended to it
                    self._new.replace(self._current)
                self._journal.path = self._current
            else:
                self._new.unlink(missing_ok=True)
        self._useless = {}
        sync_directory(self.path.parent)

    def _survey(self) -> Survey:
        journals = (self._current, self._before, self._new)
        return survey(self._format, (self.path, self._backup), journals)

    def _take_up(self, found: Survey) -> None:
        """Go on where whoever wrote this was ended."""
        self._generation, self._newest, self.size = found.generation, found.newest, found.size
        is_sound = found.place == self.path and found.is_current
        self.is_settled = is_sound and not found.damaged and not found.unused
        if found.last is not None:
            path, generation = found.last.path, found.last.generation
            self._journal = Journal(path, self._head(generation), length=found.last.replay.length)
            is_at_rest = generation == found.generation
            self.is_settled &= path == self._new or (path == self._current and is_at_rest)
        else:
            # The name of the journal may be that of the one before.
            path = self._new if self._current.exists() else self._current
            self._journal = Journal(path, self._head(found.generation))
        self.is_loaded = True

    def _head(self, generation: int) -> Head:
        return Head(self._format.schema, generation)


def opened(path: Path, layout: Format) -> tuple[TinyDB, GenerationStorage]:
    """Return a document as a TinyDB database, and what it is stored in."""
    database = TinyDB(path, layout, storage=GenerationStorage)
    storage = database.storage
    assert isinstance(storage, GenerationStorage)
    return database, storage
