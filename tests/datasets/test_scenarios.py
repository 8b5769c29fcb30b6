"""Whatever names the files: what is bad is reported and mended, all else is fetched once."""

from __future__ import annotations

import pytest

from tests.crash.world import scratch
from tests.datasets.cases import CASES, Case
from tests.datasets.nginx import Faults
from tests.datasets.scenario import Scenario
from tests.datasets.sizes import FILES, PERCENT, REQUESTS


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_data_set_survives_what_happens_to_it(case: Case) -> None:
    faults = Faults(percent=PERCENT, requests=REQUESTS, seed=1)
    with scratch() as root:
        print(Scenario(case, root, files=FILES, faults=faults).run())
