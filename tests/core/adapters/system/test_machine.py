"""What a machine cannot do is said in a sentence, and what it can is not."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from core.adapters.system import machine
from core.adapters.system.machine import can_preallocate, shortcomings


def test_a_directory_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    assert not [text for text in shortcomings(tmp_path) if str(tmp_path) in text]
    assert list(tmp_path.iterdir()) == []
    can_preallocate(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    before = len(shortcomings(tmp_path))
    monkeypatch.setattr(machine, "KNOWS_SLEEP", False)
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(machine.fcntl, "flock", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    text = " ".join(found := shortcomings(tmp_path))
    assert len(found) == before + 4
    for word in ("sleeps", "hard links", "file locks", "only 256 files"):
        assert word in text


def test_a_directory_that_is_not_there_is_no_shortcoming(tmp_path: Path) -> None:
    assert shortcomings(tmp_path / "no") == shortcomings(tmp_path)
