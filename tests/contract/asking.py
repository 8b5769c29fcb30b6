"""What the contract's tests ask for in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.domain.errors import ErrorCode, WinchError
from core.domain.models import Download, DownloadRecord, Status
from core.domain.value import field_names

if TYPE_CHECKING:
    from tests.contract.conftest import Harness

RUNS = (Status.PENDING, Status.ACTIVE)


async def add(harness: Harness, *names: str) -> list[DownloadRecord]:
    return await harness.service.add([harness.request(name) for name in names])


def as_it_stands(download: Download) -> Download:
    """Return a download without its past, of which events need not tell."""
    return Download(**{name: getattr(download, name) for name in field_names(Download)})


async def names(harness: Harness) -> list[str]:
    return [view.download.name for view in await harness.service.downloads()]


async def statuses(harness: Harness) -> list[Status]:
    return [view.download.status for view in await harness.service.downloads()]


async def raises(code: ErrorCode, call: object) -> WinchError:
    # Over the socket an error keeps its code, not its class.
    with pytest.raises(WinchError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.code is code
    assert caught.value.message
    return caught.value
