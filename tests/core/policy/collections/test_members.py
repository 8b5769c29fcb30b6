"""What a member is asked for with: secrets go where a person said, not where a source says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.domain.collections import Collection
from core.domain.entries import Entry, SourceSpec
from core.domain.models import DownloadRequest
from core.policy.collections.members import member_request

SECRETS = {"Authorization": "Bearer x", "X-Api-Key": "y"}


def collection(source: SourceSpec | None) -> Collection:
    return Collection(
        name="set",
        request=DownloadRequest(url="", directory="/d", headers=SECRETS),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        source=source,
    )


@pytest.mark.parametrize(
    ("source", "url", "sent"),
    [
        (SourceSpec(kind="manifest", address="https://h/SUMS"), "https://h/a", True),
        (SourceSpec(kind="manifest", address="https://h/SUMS"), "https://evil/a", False),
        (SourceSpec(kind="manifest", address="https://h/SUMS"), "http://h/a", False),
        (SourceSpec(kind="manifest", address="https://h/SUMS"), "https://h:444/a", False),
        (SourceSpec(kind="manifest", address="/x/SUMS", base="https://h/d"), "https://h/a", True),
        (SourceSpec(kind="manifest", address="/x/SUMS", base="https://h/d"), "https://e/a", False),
        (SourceSpec(kind="manifest", address="/x/a.meta4"), "https://evil/a", False),
        (SourceSpec(kind="manifest", address="https://[x/SUMS"), "https://evil/a", False),
        (SourceSpec(kind="index", address="https://h/pub/"), "https://h/pub/a", True),
        (SourceSpec(kind="list", address="/x/urls.txt"), "https://any/a", True),
        (None, "https://any/a", True),
    ],
)
def test_secrets_go_to_the_servers_that_the_person_named(
    source: SourceSpec | None, url: str, sent: bool
) -> None:
    request = member_request(collection(source), Entry(url=url, path="a", headers={"Own": "z"}))
    assert dict(request.headers) == ({**SECRETS, "Own": "z"} if sent else {"Own": "z"})
