"""Whatever a server or another program says, the words of the commands are only text."""

from __future__ import annotations

import pytest

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import (
    DownloadRecord,
    DownloadRequest,
    DownloadView,
    Progress,
    Status,
    TimelineEntry,
    WaitReason,
)
from tests.attempts import a_failure
from tests.tui.samples import HOSTILE, NOW, assert_harmless
from tui.text import wording


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_clean_in_every_line(text: str) -> None:
    download = DownloadRecord(
        id="0" * 8,
        name=text,
        order=1.0,
        created_at=NOW,
        request=DownloadRequest(url=text, directory=text, mirrors=(text,), group=text),
        timeline=(TimelineEntry(at=NOW, text=text),),
        error=ErrorInfo(code=ErrorCode.PROTOCOL, message=text, hint=text),
        resume_verdict=text,
    )
    failed = download.replace(status=Status.FAILED)
    waiting = download.replace(status=Status.PENDING, wait_reason=WaitReason.RETRY)
    attempt = a_failure(error_message=text)
    assert_harmless(
        wording.success(download),
        wording.ending(failed, removed=False),
        wording.ending(waiting, removed=True),
        wording.doing(waiting, Progress(), NOW) + wording.trouble(waiting),
        wording.attempt(attempt),
        *wording.in_full(DownloadView(download=failed, progress=Progress(), position=1), [attempt]),
    )
