"""What a hook is told: everything that is set, exactly where a file lies, nothing that harms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.adapters.config.config_file import names_in
from core.domain.bounds import MAX_SHOWN
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.hooks import HookCall, HookEvent, LowDisk, QueueRun
from core.domain.models import Checksum, Download, DownloadRequest, Fetched, Status
from core.domain.names import is_unsafe
from core.policy.hook_facts import facts, inherited

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def call(event: HookEvent = HookEvent.DONE, **fields: object) -> HookCall:
    return HookCall(number=1, event=event, at=AT, **fields)  # type: ignore[arg-type]


def a_download(url: str = "https://example.org/a.iso", **fields: object) -> Download:
    request = DownloadRequest(
        url=url, directory="/data", checksum=Checksum("md5", "0" * 32), group="iso"
    )
    known = {"name": "a.iso", "status": Status.COMPLETED, "total_bytes": 5} | fields
    return Download(id="a1", request=request, order=1.0, created_at=AT, **known)  # type: ignore[arg-type]


def test_a_file_that_is_whole_is_told_with_where_it_is() -> None:
    told = facts(
        call(download_id="a1"),
        a_download(resume_verdict="verified", fetched=Fetched(bytes=5, seconds=1.25, rate=4.0)),
    )
    assert told == {
        "WINCH_HOOK": "on_done",
        "WINCH_TIME": "2026-03-01T12:00:00Z",
        "WINCH_ID": "a1",
        "WINCH_STATUS": "completed",
        "WINCH_URL": "https://example.org/a.iso",
        "WINCH_NAME": "a.iso",
        "WINCH_PATH": "/data/a.iso",
        "WINCH_DIRECTORY": "/data",
        "WINCH_GROUP": "iso",
        "WINCH_SIZE": "5",
        "WINCH_SECONDS": "1.2",
        "WINCH_VERDICT": "verified",
        "WINCH_DIGEST": "md5:" + "0" * 32,
        "WINCH_ERROR": "",
        "WINCH_ERROR_CODE": "",
        "WINCH_ERROR_HINT": "",
        "WINCH_DONE": "",
        "WINCH_FAILED": "",
        "WINCH_FREE": "",
        "WINCH_LOW_WATER": "",
    }


def test_a_run_and_a_disk_are_told_in_figures() -> None:
    run = QueueRun(began_at=AT, seconds=61.0, done=3, failed=1, bytes=99)
    told = facts(call(HookEvent.QUEUE_DONE, run=run), None)
    names = ("DONE", "FAILED", "SIZE", "SECONDS")
    assert [told[f"WINCH_{name}"] for name in names] == ["3", "1", "99", "61.0"]

    disk = LowDisk(directory="/data", free=10, low_water=20)
    told = facts(call(HookEvent.DISK_LOW, disk=disk), None)
    names = ("DIRECTORY", "FREE", "LOW_WATER")
    assert [told[f"WINCH_{name}"] for name in names] == ["/data", "10", "20"]


@pytest.mark.parametrize("event", HookEvent)
def test_each_is_always_set_and_none_is_a_setting_of_winch(event: HookEvent) -> None:
    told = facts(call(event), None)
    assert told.keys() == facts(call(download_id="a1"), a_download()).keys()
    # A winch that the hook runs would take it for one, and refuse it.
    assert names_in(told) == frozenset()


@given(st.text(), st.text())
def test_what_a_server_says_is_one_line_that_any_program_can_be_given(
    text: str, verdict: str
) -> None:
    error = ErrorInfo(code=ErrorCode.HTTP_STATUS, message=text, hint=text)
    told = facts(call(HookEvent.FAILED, error=error), a_download(resume_verdict=verdict))
    for name in ("ERROR", "ERROR_HINT", "VERDICT"):
        value = told[f"WINCH_{name}"]
        assert not is_unsafe(value)
        assert len(value) <= MAX_SHOWN
    assert "\0" not in "".join(told.values())


def test_no_secret_is_told() -> None:
    secret = "https://me:hidden@example.org/a?token=hidden&x=1"
    error = ErrorInfo(code=ErrorCode.NETWORK, message=f"{secret} cannot be read")
    told = facts(call(HookEvent.FAILED, error=error), a_download(secret, status=Status.FAILED))
    assert "hidden" not in "".join(told.values())
    assert told["WINCH_URL"] == "https://example.org/a?token=…&x=1"


def test_a_hook_has_neither_logins_nor_settings_nor_the_ear_of_the_manager() -> None:
    environment = {
        "PATH": "/bin",
        "HOME": "/root",
        "WINCH_HOME": "/w",
        "WINCH_NOTIFY_URL": "https://secret@ntfy.sh/x",
        "WINCH_ID": "of a hook that started the daemon",
        "NOTIFY_SOCKET": "@x",
        "LISTEN_FDS": "1",
        "WATCHDOG_USEC": "5",
        "AWS_SECRET_ACCESS_KEY": "s",
        "GOOGLE_APPLICATION_CREDENTIALS": "s",
        "AZURE_STORAGE_KEY": "s",
    }
    assert inherited(environment) == {"PATH": "/bin", "HOME": "/root", "WINCH_HOME": "/w"}
