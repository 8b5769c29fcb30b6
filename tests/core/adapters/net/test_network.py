"""Whether there is a way out, told from a host that is itself at fault."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.adapters.net.network import Address, Network


def unresolvable(code: int) -> Network:
    def resolve(name: str) -> list[Address]:
        raise socket.gaierror(code, "no")

    return Network(resolve, Path("/nonexistent"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "a.localhost"]
)
async def test_the_loopback_is_never_down(host: str) -> None:
    assert await unresolvable(socket.EAI_AGAIN).reaches(host)


async def test_a_name_that_leads_home_is_reachable() -> None:
    network = Network(lambda _: [(socket.AF_INET, "127.0.0.1")], Path("/nonexistent"))
    assert await network.reaches("here.example")


async def test_a_resolver_that_answers_nothing_is_no_network() -> None:
    assert not await unresolvable(socket.EAI_AGAIN).reaches("server.example")


async def test_one_name_that_does_not_resolve_is_no_network_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Network, "has_way_out", lambda _: True)
    assert await unresolvable(socket.EAI_NONAME).reaches("typo.example")

    def resolve(name: str) -> list[Address]:
        if name == "broken.example":
            raise socket.gaierror(socket.EAI_AGAIN, "its servers are ill")
        return [(socket.AF_INET, "192.0.2.7")]

    assert await Network(resolve, Path("/nonexistent")).reaches("broken.example")


async def test_without_any_link_there_is_no_way(tmp_path: Path) -> None:
    for name, state in (("lo", "unknown"), ("eth0", "down"), ("wlan0", "lowerlayerdown")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "operstate").write_text(f"{state}\n")
    network = Network(lambda _: [(socket.AF_INET, "192.0.2.7")], tmp_path)
    assert not network.has_way_out()
    assert not await network.reaches("192.0.2.7")
    assert not await network.reaches("server.example")
    assert await network.reaches("127.0.0.1")


_ALONE = """
import asyncio
from core.adapters.net.network import Network
network = Network()
print(network.has_way_out(), asyncio.run(network.reaches("192.0.2.7")),
      asyncio.run(network.reaches("server.example")), asyncio.run(network.reaches("127.0.0.1")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_a_host_without_routes_knows_it() -> None:
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--net"]
    done = subprocess.run(
        [*unshare, sys.executable, "-c", _ALONE], check=False, capture_output=True, text=True
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no network namespace here: {done.stderr.strip()}")
    assert done.stdout.split() == ["False", "False", "False", "True"], done.stderr
