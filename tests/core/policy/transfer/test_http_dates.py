"""Dates in header fields: what they say, and where they cannot be believed."""

from __future__ import annotations

import pytest

from core.policy.transfer.http_dates import modified_at, parse_retry_after

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 784111777.0),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:01 GMT", None),
        ("Sun, 06 Nov 2094 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("Mon, 00 Foo 0000 99:99:99 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
    ],
)
def test_nonsense_is_no_time(field: str | None, seconds: float | None) -> None:
    assert modified_at(field, now=NOW) == seconds


def test_a_server_clock_that_runs_a_little_ahead_is_no_nonsense() -> None:
    assert modified_at("Tue, 14 Nov 2023 23:00:00 GMT", now=NOW) == NOW + 2800.0


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_has_two_forms(field: str | None, seconds: float | None) -> None:
    assert parse_retry_after(field, now=40.0) == seconds
