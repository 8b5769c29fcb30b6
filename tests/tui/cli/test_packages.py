"""A package adds a scheme: the README's example, installed as it stands there and used."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.sources.packages import install
from tests.faults.server import FaultServer
from tests.tui.cli.conftest import Winch

ROOT = Path(__file__).parents[3]
FILES = {
    "data.csv": b"a,b\n1,2\n" * 1000,
    "read me, 1st.txt": b"hello",
    "more/x.bin": b"x" * 300_000,
}


def example(name: str) -> str:
    """Return a file of the README's example."""
    found = re.search(
        rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```",
        (ROOT / "README.md").read_text(),
        re.S,
    )
    assert found is not None
    return found[1]


@pytest.fixture
def winch(tmp_path: Path) -> Iterator[Winch]:
    """The command, with the package installed where it runs; it starts cold, to find that."""
    (tmp_path / "cwd").mkdir()
    project = tomllib.loads(example("pyproject.toml"))["project"]
    (sources,) = project["entry-points"].values()
    assert list(project["entry-points"]) == ["winch.sources"]
    install(
        tmp_path / "site",
        name=project["name"],
        module="winch_zenodo",
        code=example("winch_zenodo.py"),
        sources=sources,
    )
    command = Winch(tmp_path / "home", tmp_path / "cwd", python=sys.executable)
    command.env["PYTHONPATH"] = str(tmp_path / "site")
    yield command
    assert command("daemon", "stop").returncode == 0


@pytest.fixture
def record(fault_server: FaultServer) -> FaultServer:
    """A server that holds record 1234 as Zenodo does."""
    listed = []
    for name, content in FILES.items():
        fault_server.file(f"api/records/1234/files/{name}/content", content)
        digest = hashlib.md5(content).hexdigest()
        listed.append({"key": name, "size": len(content), "checksum": f"md5:{digest}"})
    fault_server.file(
        "api/records/1234", json.dumps({"files": listed}).encode(), content_type="application/json"
    )
    return fault_server


async def test_the_readmes_package_fetches_a_record(winch: Winch, record: FaultServer) -> None:
    winch.env["ZENODO_API"] = f"{record.url}/api"
    made = await asyncio.to_thread(winch, "add", "zenodo://1234", "--collection", "set")
    assert (made.returncode, made.stdout, made.stderr) == (0, "set\n", "")
    waited = await asyncio.to_thread(winch, "wait", "set")
    assert waited.returncode == 0, waited.stderr
    report = await asyncio.to_thread(winch.json, "report", "set")
    assert {row["path"]: (row["verdict"], row["url"]) for row in report} == {
        "data.csv": ("whole", "zenodo://1234/data.csv"),
        "more/x.bin": ("whole", "zenodo://1234/more%2Fx.bin"),
        "read me, 1st.txt": ("whole", "zenodo://1234/read%20me%2C%201st.txt"),
    }
    for name, content in FILES.items():
        assert (winch.directory / "set" / name).read_bytes() == content
    synced = await asyncio.to_thread(winch, "sync", "set")
    assert (synced.returncode, synced.stderr) == (0, "winch: 3 unchanged\n")


async def test_a_record_that_is_damaged_or_gone_says_so(winch: Winch, record: FaultServer) -> None:
    winch.env["ZENODO_API"] = f"{record.url}/api"
    record.replace("api/records/1234/files/data.csv/content", FILES["data.csv"][::-1])
    await asyncio.to_thread(winch, "add", "zenodo://1234", "--collection", "set")
    assert (await asyncio.to_thread(winch, "wait", "set")).returncode == 32
    assert (await asyncio.to_thread(winch, "add", "zenodo://5678")).stdout == "5678\n"
    gone = await asyncio.to_thread(winch, "wait", "5678")
    assert gone.returncode == 3
    assert "the server answered 404 (not found)" in gone.stderr


async def test_without_the_package_its_addresses_are_refused(winch: Winch) -> None:
    del winch.env["PYTHONPATH"]
    result = await asyncio.to_thread(winch, "add", "zenodo://1234", "--collection", "set")
    assert result.returncode == 2
    assert "winch does not fetch zenodo: addresses" in result.stderr


async def test_a_package_that_is_broken_is_one_sentence(winch: Winch, tmp_path: Path) -> None:
    (tmp_path / "site/winch_zenodo.py").write_text("import no_such_module")
    await asyncio.to_thread(winch, "add", "zenodo://1234", "--collection", "set")
    result = await asyncio.to_thread(winch, "wait", "set")
    assert result.returncode == 2
    assert "the source 'zenodo' of winch-zenodo cannot be loaded: ModuleNotFound" in result.stderr
    assert "Traceback" not in result.stderr
