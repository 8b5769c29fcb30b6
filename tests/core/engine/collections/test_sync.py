"""A source read again: what joins, what is fetched again, and how little is asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.engine.collections.dataset import Dataset
from tests.core.engine.conftest import Workspace
from tests.faults.server import FaultServer


@pytest.fixture
async def dataset(workspace: Workspace, fault_server: FaultServer, tmp_path: Path) -> Dataset:
    made = Dataset(workspace, fault_server, tmp_path)
    await made.start()
    return made


class TestUnchanged:
    async def test_with_digests_not_one_request_is_sent(self, dataset: Dataset) -> None:
        for number in range(20):
            dataset.serve_with_digest(f"{number}.bin", b"%d" % number)
        await dataset.collect()
        dataset.asked()
        plan = await dataset.sync()
        assert dataset.asked() == []
        assert (plan.unchanged, plan.requests) == (20, 0)
        assert plan.counts == dict.fromkeys(plan.counts, 0)

    async def test_without_them_one_each_on_condition(self, dataset: Dataset) -> None:
        for number in range(20):
            dataset.serve(f"{number}.bin", b"%d" % number, etag=f'"{number}"')
        await dataset.collect()
        dataset.server.requests.clear()
        plan = await dataset.sync()
        assert (plan.unchanged, plan.requests) == (20, 20)
        assert [r.status for r in dataset.server.requests] == [304] * 20
        assert sorted(dataset.asked()) == sorted(f"{number}.bin" for number in range(20))
