"""Every function that takes text from outside takes time in proportion to it, whatever it says.

The bound is a hundred times what the slowest needs: one that grows with the square of the length
takes minutes here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

import pytest

from core.domain import bounds, checks, redact, text, units
from core.domain.errors import UsageError, WinchError
from core.domain.models import Checksum, DownloadRequest
from core.domain.names import safe_name
from core.policy import challenges, dates, digests, filename, modified, ranges, redirects, retry
from core.rpc import codec
from tui import curl, filter, format, intake, shell, urls  # noqa: A004
from tui.cli import exchange

LENGTH = 100_000
MOST_SECONDS = 10.0

PIECES = (
    "a",
    "key",
    "token=",
    "key-",
    "A1+.-",
    "://",
    "a://",
    "%2f",
    "//a@",
    "@",
    "=;",
    "&sig",
    ";filename=",
    ';filename="\\',
    ";filename*=a'",
    ",md5=",
    "sha-256=:",
    "/../",
    " ",
    " a",
    "\t;",
    "\\",
    "\\'",
    '"',
    "'",
    "$'",
    "`",
    "9",
    "9.",
    "-",
    ".",
    ".tar",
    "[",
    "(",
    "\udce9",
    "é",
    "\u0301",
    "\u202e",
    "\x1b[",
    "\n",
    "*?",
    "name:*a",
    "!",
    "curl ",
    "-H 'a:",
    "\\\n",
    "\U0001f468\u200d",
)
LEADS = ("", "https://h/?", "https://", "attachment; ", "bytes ", "curl ", "$'", '"', "a: ", "[")

GET = ranges.RangeRequest(first=0)
BASE = redirects.Hop("http://h/a", {})


def judge(status: int, name: str) -> Callable[[str], object]:
    return lambda value: ranges.judge(
        GET, status, {name: value, "content-length": "9"}, url="http://h/a", now=0.0
    )


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "redact_url": redact.redact_url,
    "redact_text": redact.redact_text,
    "redact_header": lambda value: redact.redact_header("x-any", value),
    "redact_header location": lambda value: redact.redact_header("location", value),
    "redact_header name": lambda value: redact.redact_header(value, "a"),
    "check_url": checks.check_url,
    "check_name": checks.check_name,
    "check_header": lambda value: checks.check_header("a", value),
    "check_header name": lambda value: checks.check_header(value, "a"),
    "safe_name": safe_name,
    "valid": text.valid,
    "mended": lambda value: text.mended([value, {value: value}]),
    "octets_of": lambda value: text.from_octets(text.octets_of(text.valid(value))),
    "number": bounds.number,
    "parse_size": units.parse_size,
    "parse_rate": units.parse_rate,
    "parse_time": units.parse_time,
    "parse_days": units.parse_days,
    "parse_duration": units.parse_duration,
    "Checksum": Checksum.parse,
    "http_date": dates.http_date,
    "modified_at": lambda value: modified.modified_at(value, now=0.0),
    "parse_retry_after": lambda value: retry.parse_retry_after(value, 0.0),
    "announced": lambda value: digests.announced(
        {"repr-digest": value, "digest": value, "content-digest": value}, whole=True
    ),
    "suggest": lambda value: filename.suggest(disposition=value, url="http://h/a"),
    "suggest url": lambda value: filename.suggest(disposition=None, url="http://h/" + value),
    "alternatives": lambda value: list(islice(filename.alternatives(value), 2)),
    "follow": lambda value: redirects.follow(BASE, value, count=0),
    "judge 206": judge(206, "content-range"),
    "judge 416": judge(416, "content-range"),
    "judge length": judge(200, "content-length"),
    "judge type": judge(206, "content-type"),
    "judge etag": judge(200, "etag"),
    "challenges": lambda value: challenges.read_offer([value]),
    "refusal": lambda value: challenges.refusal(value, challenges.Login.PASSWORD),
    "next_nonce": challenges.next_nonce,
    "judge coding": judge(200, "content-encoding"),
    "judge refusal": judge(401, "www-authenticate"),
    "judge modified": judge(200, "last-modified"),
    "filter": filter.parse,
    "filter quote": filter.quote,
    "curl": lambda value: (curl.is_curl(value), curl.parse_curl(value)),
    "shell": shell.read_command,
    "intake": lambda value: list(intake.Intake(value, {}).steps()),
    "list_names": intake.list_names,
    "clean": format.clean,
    "fit": lambda value: format.fit(value, 40),
    "cut_middle": lambda value: format.cut_middle(value, 40),
    "host_of": urls.host_of,
    "site_of": urls.site_of,
    "decode": lambda value: codec.decode(value.encode("utf-8", "replace"), codec.Request),
    "import": lambda value: exchange.from_bytes(value.encode("utf-8", "replace"), "x"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_time_grows_with_the_length_alone(name: str) -> None:
    function = FUNCTIONS[name]
    begin = time.perf_counter()
    for number, piece in enumerate(PIECES):
        long = piece * (LENGTH // len(piece))
        for adversarial in (long, f"{LEADS[number % len(LEADS)]}{long}\0"):
            with suppress(WinchError):
                function(adversarial)
            spent = time.perf_counter() - begin
            assert spent < MOST_SECONDS, f"{adversarial[:30]!r}…"


def test_a_request_is_measured_before_it_is_looked_at() -> None:
    assert bounds.overlong({"ids": ["a" * bounds.MAX_TEXT, 10**18 - 1, None, 1.5]}) is None
    assert "too long" in (bounds.overlong([[("a" * (bounds.MAX_TEXT + 1),)]]) or "")
    assert "18 digits" in (bounds.overlong({"limit": -(10**18)}) or "")
    request = DownloadRequest(url="http://h/", directory="/d", headers={"a": "b" * 70_000})
    assert "too long" in (bounds.overlong(request) or "")
    with pytest.raises(UsageError, match="too long"):
        checks.check_url("http://h/" + "a" * bounds.MAX_URL)
