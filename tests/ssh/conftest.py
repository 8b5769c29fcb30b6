"""A server that is reached by OpenSSH alone, and a laptop that knows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh.laptop import Laptop
from tests.ssh.link import Link
from tests.ssh.server import SshServer, missing, ssh_server


@pytest.fixture(scope="session")
def warm_server() -> Iterator[SshServer]:
    if why := missing():
        pytest.skip(why)
    with ssh_server() as server:
        server.machine.install_warm_winch()
        yield server


@pytest.fixture
def server(warm_server: SshServer) -> Iterator[SshServer]:
    """A server on which nothing runs, and whose person's home is empty."""
    yield warm_server
    warm_server.machine.clear()


@pytest.fixture
def laptop(server: SshServer, tmp_path: Path) -> Laptop:
    """A laptop whose person may log in there as the server's."""
    laptop = Laptop(tmp_path / "laptop")
    laptop.meet(server)
    return laptop


@pytest.fixture
def link(server: SshServer) -> Iterator[Link]:
    """A way to the server without a delay."""
    with Link(server.port) as link:
        yield link


@pytest.fixture
def far_laptop(server: SshServer, link: Link, tmp_path: Path) -> Laptop:
    """A laptop that reaches the server by this link alone."""
    laptop = Laptop(tmp_path / "far", link.inside)
    laptop.meet(server)
    return laptop
