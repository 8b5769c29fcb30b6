"""The contract speaks of everything that a service can be asked for."""

from __future__ import annotations

import ast
from pathlib import Path

from core.domain.service import DownloadService


def test_every_method_of_the_protocol_is_called() -> None:
    called = {
        node.attr
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == "service"
    }
    assert {name for name in dir(DownloadService) if not name.startswith("_")} <= called
