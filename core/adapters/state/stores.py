"""The state directory: the stores that one engine owns together."""

from __future__ import annotations

from pathlib import Path

from core.adapters.state.catalog import Catalog
from core.adapters.state.history import HistoryStore
from core.adapters.state.left_parts import LeftParts
from core.adapters.state.resume_data import ResumeStore
from core.domain.value import Value


class State(Value, frozen=True):
    """Everything that winch remembers, by store."""

    directory: Path
    catalog: Catalog
    resume_data: ResumeStore
    history: HistoryStore
    left: LeftParts

    @classmethod
    def at(cls, directory: Path) -> State:
        """Return the stores of a state directory; nothing is read yet."""
        return cls(
            directory,
            Catalog(directory),
            ResumeStore(directory / "resume_data"),
            HistoryStore(directory),
            LeftParts(directory),
        )
