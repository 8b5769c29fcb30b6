"""What tests of several floors share."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from tests.faults.server import FaultServer
from tests.store_server import KEYS, Door, Moto, door, moto

# A busy machine is slower and no less right.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Let what tests start hear the signals that a run in the background or below nohup ignores.

    A signal that is handled here is at its default in another program, one that is ignored is not.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage among what the tests make, and not among thousands of tests.

    To do so while they are found and at the end takes each worker a fifth of its start.
    """
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Let `-n auto` be two workers a core: about half of their time tests wait."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that nobody waits for one of them alone at the end."""
    items.sort(key=lambda item: "crash" not in item.path.parts)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's proxies and logins out of the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    """A loopback web server that fails as told."""
    async with FaultServer() as server:
        yield server


@pytest.fixture(scope="session")
def object_store() -> Iterator[Moto]:
    """An S3 server that takes everybody in; each test makes buckets of its own."""
    with moto() as server:
        yield server


@pytest.fixture
def store_door(object_store: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door before it which wants signatures, and whose keys are in the environment."""
    with door(object_store) as opened:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", opened.endpoint)
        yield opened
