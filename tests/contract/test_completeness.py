"""The contract speaks of everything that a service can be asked for."""

from __future__ import annotations

import ast
from pathlib import Path

from core.domain.service import DownloadService
from tests.contract import test_service_contract as contract


def test_every_method_of_the_protocol_is_called() -> None:
    tree = ast.parse(Path(contract.__file__).read_text())
    called = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == "service"
    }
    assert {name for name in vars(DownloadService) if not name.startswith("_")} <= called
