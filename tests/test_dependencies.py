"""What winch uses of libraries that they promise nobody: each is there, and has an upper bound.

Any release may take such a name away. Then this file fails by that name, before a screen or a
transfer does something odd; pyproject.toml keeps the releases out that nobody has tried.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import aiohttp
import aiohttp.client_proto
import pytest
import rich.console
import textual.app
import textual.drivers.linux_driver
import textual.screen
import trustme
from textual import _compositor, _xterm_parser

import core
import tui

ROOT = Path(__file__).parent.parent

PRIVATE: dict[object, set[str]] = {
    aiohttp.StreamReader: {
        "_high_water", "_http_chunk_splits", "_low_water", "_read_nowait", "_size",
    },
    aiohttp.TCPConnector: {"_factory", "_loop"},
    aiohttp.client_proto.ResponseHandler: {
        "_drop_timeout", "_exception", "_loop", "_payload", "_reading_paused", "connection_lost",
        "connection_made", "data_received", "feed_data", "set_exception", "set_response_params",
        "upgraded",
    },
    rich.console.Console: {"_color_system"},
    textual.app.App: {
        "_begin_batch", "_driver", "_end_batch", "_exception", "_exit_renderables", "_filters",
        "_print_error_renderables",
    },
    textual.screen.Screen: {"_compositor"},
    textual.drivers.linux_driver.LinuxDriver: {
        "_app", "_debug", "_disable_mouse_support", "_file", "_loop", "_mouse_pixels",
        "_run_input_thread", "_writer_thread", "exit_event", "fileno", "process_message",
        "run_input_thread", "start_application_mode",
    },
    _compositor.Compositor: {"render_partial_update"},
    _compositor.ChopsUpdate: {"chop_ends", "chops", "render_segments", "spans"},
    _xterm_parser: {"BRACKETED_PASTE_END", "BRACKETED_PASTE_START"},
    _xterm_parser.XTermParser: {"feed", "tick"},
}  # fmt: skip
EVERY = set.union(*PRIVATE.values())


@cache
def source_of(owner: type) -> str:
    """Return the text of a class; inspect parses the whole module once for each of them."""
    text = inspect.getsource(sys.modules[owner.__module__])
    body = next(
        (each for each in parsed(text).body if getattr(each, "name", "") == owner.__name__), None
    )
    return "" if body is None else "\n".join(text.splitlines()[body.lineno - 1 : body.end_lineno])


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def names_of(owner: object) -> set[str]:
    """Return what a module or a class has, with the attributes that its methods set."""
    found = set(dir(owner))
    for each in owner.__mro__[:-1] if inspect.isclass(owner) else ():
        if each.__module__.split(".")[0] in ("aiohttp", "rich", "textual"):
            found |= set(re.findall(r"self\.(\w+)(?:: [^=\n]+)? =", source_of(each)))
    return found


@pytest.mark.parametrize("owner", PRIVATE, ids=lambda owner: owner.__name__)
def test_what_nobody_promised_is_there(owner: object) -> None:
    assert PRIVATE[owner] - names_of(owner) == set()


def test_the_http_library_reads_no_certificates_when_it_is_imported(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "system.pem")
    program = """
import ssl
import core.adapters.net.http
from aiohttp import connector
contexts = [each for each in vars(connector).values() if isinstance(each, ssl.SSLContext)]
print([len(each.get_ca_certs()) for each in [*contexts, ssl.create_default_context()]])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "system.pem")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    # Its own two have none; one that is made later has.
    assert done.stdout == "[0, 0, 1]\n"


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("_json", {"encode_basestring_ascii", "make_scanner"}),
        ("_signal", {"SIG_IGN", "getsignal", "signal"}),
        ("_socket", {"AF_UNIX", "SOCK_STREAM", "SOL_SOCKET", "socket"}),
    ],
)
def test_what_short_commands_load_of_python_itself_is_there(module: str, names: set[str]) -> None:
    assert names - set(dir(importlib.import_module(module))) == set()


def test_what_rests_on_private_names_has_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    libraries = {getattr(owner, "__module__", owner.__name__).split(".")[0] for owner in PRIVATE}
    assert libraries == {"aiohttp", "rich", "textual"}
    bounded = {re.split(r"[<>=]", each)[0] for each in project["dependencies"] if ",<" in each}
    assert libraries <= bounded


def test_nothing_else_that_is_private_is_used() -> None:
    used = set()
    for package in (core, tui):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.ispkg or module.name.endswith("__main__"):
                continue
            loaded = importlib.import_module(module.name)
            source = inspect.getsource(loaded)
            for line in source.splitlines():
                if "noqa: SLF001" in line:
                    used |= set(re.findall(r"\b(?!self)\w+\.(_[a-z]\w+)", line))
            for each in vars(loaded).values():
                if inspect.isclass(each) and each.__module__ == module.name:
                    used |= taken_from_a_library(each)
    assert used - EVERY == set()


def taken_from_a_library(own: type) -> set[str]:
    """Return the private names that a class of ours uses or replaces of its library's."""
    theirs = next((b for b in own.__mro__ if b.__module__.startswith(("textual", "aiohttp"))), None)
    if theirs is None:
        return set()
    named = re.findall(r"(?:self|super\(\))\.(_[a-z]\w+)|def (_[a-z]\w+)\(", source_of(own))
    return {a or b for a, b in named} & names_of(theirs)
