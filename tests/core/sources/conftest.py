"""What the tests of the sources share: a fetcher over real connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from core.adapters.net.http import HttpClient
from core.domain.settings import NetworkSettings
from core.sources.fetcher import SourceFetcher
from tests.hourglass import Hourglass

NETWORK = NetworkSettings(connect_timeout=20, read_timeout=20)


class Unhurried(Hourglass):
    """A clock on which every pause is over at once."""

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds


@pytest.fixture
def clock() -> Unhurried:
    return Unhurried(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(NETWORK)
    yield client
    await client.close()


@pytest.fixture
def fetcher(http: HttpClient, clock: Unhurried) -> SourceFetcher:
    return SourceFetcher(http, clock, NETWORK)
