"""The words of a notice: nothing of a server's in its headers, many of one kind in one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.hooks import HookCall, HookEvent, LowDisk, NoticeFormat, QueueRun
from core.policy.notices import NAMED, notice_of, request_of, together
from tests.core.policy.test_hook_facts import a_download

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(event: HookEvent, **fields: object) -> HookCall:
    return HookCall(number=1, event=event, at=AT, **fields)  # type: ignore[arg-type]


def failed(name: str, message: str = "the server answered 404") -> tuple[HookCall, object]:
    error = ErrorInfo(code=ErrorCode.NOT_FOUND, message=message)
    return call(HookEvent.FAILED, download_id="a1", error=error), a_download(name=name)


def test_ntfy_gets_a_text_with_a_title_a_priority_and_a_tag() -> None:
    notice = notice_of(*failed("a.iso"))  # type: ignore[arg-type]
    fields, body = request_of(notice, NoticeFormat.NTFY, "box")
    assert fields == {
        "Title": "winch on box: a download has failed",
        "Priority": "high",
        "Tags": "x",
        "Content-Type": "text/plain; charset=utf-8",
    }
    assert body.decode() == "a.iso: the server answered 404"


def test_a_webhook_gets_an_object() -> None:
    run = QueueRun(began_at=AT, seconds=7200.0, done=3, failed=1, bytes=2**30)
    fields, body = request_of(
        notice_of(call(HookEvent.QUEUE_DONE, run=run), None), NoticeFormat.JSON, "box"
    )
    assert fields == {"Content-Type": "application/json"}
    told = json.loads(body)
    assert told["message"] == "3 done, 1 failed, 1.0 GiB in 2 h"
    assert (told["event"], told["host"], told["time"]) == (
        "queue_done",
        "box",
        "2026-03-01T12:00:00Z",
    )
    assert (told["done"], told["failed"], told["bytes"], told["count"]) == (3, 1, 2**30, 1)
    assert told["text"].startswith("winch on box: all downloads have ended\n3 done")


def test_a_low_disk_says_how_low() -> None:
    disk = LowDisk(directory="/data", free=2**20, low_water=2**28)
    notice = notice_of(call(HookEvent.DISK_LOW, disk=disk), None)
    assert notice.text == "1.0 MiB are free in /data; downloads wait for room"


def test_many_of_a_kind_are_one_with_the_first_names() -> None:
    notice = notice_of(*failed("f0"))  # type: ignore[arg-type]
    for number in range(1, 12):
        notice = together(notice, notice_of(*failed(f"f{number}")))  # type: ignore[arg-type]
    assert notice.title == "12 downloads have failed"
    lines = notice.text.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [f"f{n}" for n in range(NAMED)]
    assert lines[-1] == "and 7 more"


@given(st.text(), st.text(), st.text())
def test_no_name_becomes_a_header_or_a_line_of_its_own(name: str, said: str, host: str) -> None:
    notice = notice_of(*failed(name, said))  # type: ignore[arg-type]
    fields, body = request_of(notice, NoticeFormat.NTFY, host)
    assert fields["Title"].isascii()
    assert not any(sign in value for value in fields.values() for sign in "\r\n\0")
    assert len(body.decode().splitlines()) <= 1
    assert len(body) < 16 * 1024
