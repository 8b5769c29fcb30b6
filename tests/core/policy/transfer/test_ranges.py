"""Which answers may touch a file that was begun, and which may not (RFC 9110)."""

from __future__ import annotations

import pytest

from core.domain.errors import AuthRequiredError, ErrorCode, HttpStatusError, NotFoundError
from core.domain.models import Resource, Validator
from core.policy.transfer.ranges import (
    Accept,
    Judgement,
    Reject,
    RestartWhole,
    judge,
    range_request,
    strong_validator,
)

URL = "http://host/file"
MODIFIED = "Mon, 02 Nov 2026 10:00:00 GMT"
SECONDS_LATER = "Mon, 02 Nov 2026 10:00:59 GMT"
MINUTE_LATER = "Mon, 02 Nov 2026 10:01:00 GMT"


def known(
    total: int | None = 100, media_type: str | None = None, **validator: str | None
) -> Resource:
    return Resource(
        url=URL,
        total=total,
        validator=Validator(**validator),
        ranges=True,
        media_type=media_type,
    )


def answer(
    status: int, headers: dict[str, str], *, first: int = 50, resource: Resource | None = None
) -> Judgement:
    request = range_request(first=first, known=resource)
    return judge(request, status, headers, url=URL, now=0.0, known=resource)


def test_the_exact_part_is_accepted() -> None:
    verdict = answer(
        206, {"content-range": "bytes 50-99/100", "etag": '"a"'}, resource=known(etag='"a"')
    )
    assert isinstance(verdict, Accept)
    assert (verdict.start, verdict.length, verdict.same_version) == (50, 50, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-range": "bytes 0-99/100"},
        {"content-range": "bytes 51-99/100"},
        {"content-range": "bytes 50-40/100"},
        {"content-range": "bytes 50-100/100"},
        {"content-range": "bytes 50-99"},
        {"content-range": "pages 50-99/100"},
        {"content-range": "bytes 50-99/100", "content-length": "49"},
        {"content-range": "bytes 50-99/100", "content-type": "multipart/byteranges; boundary=x"},
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_rejected(headers: dict[str, str]) -> None:
    verdict = answer(206, headers, resource=known())
    assert isinstance(verdict, Reject)
    assert verdict.error.code is ErrorCode.PROTOCOL


def test_a_longer_part_ends_at_the_boundary() -> None:
    request = range_request(first=10, end=20)
    verdict = judge(request, 206, {"content-range": "bytes 10-99/100"}, url=URL, now=0.0)
    assert isinstance(verdict, Accept)
    assert verdict.length == 10


@pytest.mark.parametrize(
    ("before", "headers"),
    [
        (known(etag='"a"'), {"etag": '"b"'}),
        (known(last_modified=MODIFIED), {"last-modified": MINUTE_LATER}),
        (known(total=99), {}),
    ],
)
def test_a_part_of_another_version_starts_the_file_anew(
    before: Resource, headers: dict[str, str]
) -> None:
    verdict = answer(206, {"content-range": "bytes 50-99/100", **headers}, resource=before)
    assert isinstance(verdict, RestartWhole)
    assert verdict.usable is None


def test_a_part_without_validators_is_left_to_the_overlap() -> None:
    verdict = answer(206, {"content-range": "bytes 50-99/100"}, resource=known(etag='"a"'))
    assert isinstance(verdict, Accept)
    assert not verdict.same_version


def test_a_whole_file_in_place_of_a_part_starts_anew_and_is_used() -> None:
    verdict = answer(200, {"content-length": "100"}, resource=known(etag='"a"'))
    assert isinstance(verdict, RestartWhole)
    assert verdict.usable is not None
    assert (verdict.usable.start, verdict.usable.length) == (0, 100)


def test_a_login_page_in_place_of_the_file_keeps_what_is_here() -> None:
    verdict = answer(
        200, {"content-type": "text/html; charset=utf-8"}, resource=known(media_type="video/mp4")
    )
    assert isinstance(verdict, Reject)
    assert verdict.error.code is ErrorCode.FILE_CHANGED


def test_a_page_that_always_was_a_page_is_a_file() -> None:
    headers = {"content-type": "text/html"}
    assert isinstance(answer(200, headers, resource=known(media_type="text/html")), RestartWhole)


def test_the_first_answer_may_be_the_whole_file() -> None:
    verdict = answer(200, {"content-length": "100"}, first=0)
    assert isinstance(verdict, Accept)
    assert (verdict.length, verdict.resource.ranges) == (100, False)


def test_the_length_of_a_chunked_body_is_unknown() -> None:
    headers = {"content-length": "5", "transfer-encoding": "chunked"}
    verdict = answer(200, headers, first=0)
    assert isinstance(verdict, Accept)
    assert verdict.length is None


def test_an_empty_file_may_refuse_every_range() -> None:
    verdict = answer(416, {"content-range": "bytes */0"}, first=0)
    assert isinstance(verdict, Accept)
    assert verdict.length == 0


def test_a_missing_part_that_is_gone_starts_the_file_anew() -> None:
    assert isinstance(answer(416, {"content-range": "bytes */40"}, resource=known()), RestartWhole)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_without_a_file_breaks_the_protocol(status: int) -> None:
    verdict = answer(status, {}, first=0)
    assert isinstance(verdict, Reject)
    assert verdict.error.code is ErrorCode.PROTOCOL


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (404, NotFoundError, False),
        (410, NotFoundError, False),
        (401, AuthRequiredError, False),
        (407, AuthRequiredError, False),
        (403, HttpStatusError, False),
        (429, HttpStatusError, True),
        (500, HttpStatusError, True),
        (503, HttpStatusError, True),
    ],
)
def test_an_error_status_names_its_cause(
    status: int, error: type[HttpStatusError], retryable: bool
) -> None:
    verdict = answer(status, {"retry-after": "7"}, first=0)
    assert isinstance(verdict, Reject)
    assert type(verdict.error) is error
    assert verdict.error.retryable is retryable


@pytest.mark.parametrize(
    ("validator", "expected"),
    [
        (Validator(etag='"a"'), '"a"'),
        (Validator(etag='W/"a"', last_modified=MODIFIED, date=MINUTE_LATER), None),
        (Validator(last_modified=MODIFIED, date=MINUTE_LATER), MODIFIED),
        (Validator(last_modified=MODIFIED, date=SECONDS_LATER), None),
        (Validator(last_modified=MODIFIED), None),
        (Validator(last_modified="yesterday", date="today"), None),
        (Validator(), None),
    ],
)
def test_only_a_strong_validator_goes_into_if_range(
    validator: Validator, expected: str | None
) -> None:
    assert strong_validator(validator) == expected
    resource = Resource(url=URL, total=100, validator=validator, ranges=True)
    assert range_request(first=1, known=resource).headers().get("If-Range") == expected


def test_a_range_names_its_last_byte_inclusively() -> None:
    assert range_request(first=0).headers()["Range"] == "bytes=0-"
    assert range_request(first=10, end=20).headers()["Range"] == "bytes=10-19"
