"""A daemon whose files are replaced under it: what it needs is loaded by then."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from core import late_modules
from core.domain.errors import ConfigError
from core.sources import registry

# What functions of its modules import, and is neither loaded by then nor of Python itself.
_LOOK = """
import ast, importlib, json, sys
from importlib.util import resolve_name
from pathlib import Path
from tui.cli import daemon_process
from core import daemon, late_modules
for name in late_modules.LATE:
    importlib.import_module(name)
missing = {}
for name, module in sorted(sys.modules.items()):
    if not name.startswith(("core.", "tui.")) or not getattr(module, "__file__", None):
        continue
    tree = ast.parse(Path(module.__file__).read_text())
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            wanted = []
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                wanted = [node.module]
            for each in wanted:
                if each.partition(".")[0] not in sys.stdlib_module_names:
                    if each not in sys.modules:
                        missing.setdefault(name, []).append(each)
print(json.dumps(missing))
"""
_OTHERS = {"defusedxml.ElementTree", "defusedxml.common", "uvloop"}
"""Of other packages, which an update of winch need not touch."""
_CLIENTS = {
    "core.launcher", "core.short_call", "core.starting", "core.handover", "core.stopping",
    "core.embedding",
}  # fmt: skip
"""Modules whose functions run in the process of a command."""


def test_nothing_of_winch_is_loaded_later_than_that() -> None:
    found = json.loads(
        subprocess.run(
            [sys.executable, "-P", "-c", _LOOK], capture_output=True, check=True, text=True
        ).stdout
    )
    late = {
        name: left
        for name, modules in found.items()
        if name not in _CLIENTS and (left := sorted({*modules} - _OTHERS))
    }
    assert late == {}
    own = {module for module, _ in registry._OWN.values()}
    assert own - {*late_modules.LATE} == {"core.sources.object_store"}


async def test_a_source_that_cannot_be_loaded_any_more_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(registry._OWN, "store", ("core.gone", "Gone"))
    with pytest.raises(ConfigError, match="'store' cannot be loaded") as caught:
        await registry.SourceRegistry()._source("store")
    assert "`winch daemon restart`" in caught.value.hint


async def test_what_does_not_fit_any_more_ends_nothing_and_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late_modules, "AFTER", 0.0)
    monkeypatch.setattr(late_modules, "PAUSE", 0.0)
    monkeypatch.setattr(late_modules, "LATE", ("json", "core.gone", "core.gone_as_well"))
    with caplog.at_level(logging.WARNING):
        await late_modules.load()
    (record,) = caplog.records
    assert record.getMessage().startswith("core.gone cannot be loaded: ")
    assert "`winch daemon restart`" in record.getMessage()
