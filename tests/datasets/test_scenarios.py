"""Whatever names the files: what is bad is reported and mended, all else is fetched once."""

from __future__ import annotations

import pytest

from tests.crash.world import scratch
from tests.datasets.cases import CASES, Case
from tests.datasets.nginx import Faults
from tests.datasets.scenario import Scenario
from tests.datasets.sizes import FILES, PERCENT, REQUESTS
from tests.datasets.together import Together


@pytest.mark.timeout(240)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_data_set_survives_what_happens_to_it(case: Case) -> None:
    faults = Faults(percent=PERCENT, requests=REQUESTS, seed=1)
    with scratch() as root:
        print(Scenario(case, root, files=FILES, faults=faults).run())


@pytest.mark.timeout(240)
def test_a_set_is_whole_or_not_there() -> None:
    faults = Faults(percent=PERCENT, requests=REQUESTS, seed=1)
    case = next(case for case in CASES if case.name == "sums")
    with scratch() as root:
        Together(case, root, files=FILES, faults=faults).run_together()
