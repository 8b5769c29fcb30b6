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

from core.domain import bounds, checks, hosts, redact, text, units
from core.domain.errors import ErrorCode, ErrorInfo, UsageError, WinchError
from core.domain.inspection import DownloadLimits, Inspection, ResponseHead
from core.domain.models import Checksum, DownloadRequest, Progress, Status, TimelineEntry
from core.domain.names import safe_name
from core.policy.collections import page_links
from core.policy.collections.globs import Globs
from core.policy.transfer import (
    challenges,
    digests,
    filename,
    http_dates,
    links,
    ranges,
    redirects,
)
from core.rpc import codec
from core.sources import bagit, sums
from core.sources.index_html import HtmlListing
from core.sources.index_values import PIECE
from core.sources.lists import ListReader
from core.sources.manifests import recognised
from tests.tui.samples import NOW, sample
from tui.cli import export_format
from tui.control import choosing, key_actions, verb_parser
from tui.input import add_parser, add_validation, curl, shell
from tui.input.disk import Disk
from tui.model import filters
from tui.screens import palette_dialog
from tui.text import cells, details, download_state, fmt, wording
from tui.widgets.form import Remarks

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
    "<",
    "<>,",
    '<>;a="\\',
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


def pane(value: str) -> object:
    """Return the details of a download of which every text is the value: a dozen texts."""
    value = value[: LENGTH // 20]
    error = ErrorInfo(code=ErrorCode.PROTOCOL, message=value, hint=value)
    request = DownloadRequest(
        url=value, directory=value, mirrors=(value,), group=value, headers={value: value}
    )
    download = sample(
        name=value, request=request, error=error, status=Status.FAILED, resume_verdict=value
    )
    entries = tuple(TimelineEntry(at=NOW, text=value) for _ in range(3))
    answer = ResponseHead(at=NOW, url=value, status=200, reason=value, headers=((value, value),))
    subject = details.Subject(
        download=download,
        progress=Progress(),
        inspection=Inspection(
            id=download.id,
            limits=DownloadLimits(own=None, total=None, connections=1),
            answer=answer,
            timeline=entries,
        ),
    )
    curl.curl_command(download)
    download_state.status_text(download, Progress(), NOW)
    wording.state(download, Progress())
    wording.doing(download, Progress(), NOW)
    wording.trouble(download)
    return details.report(subject, 120, 60, NOW)


def examine(value: str) -> object:
    every = dict.fromkeys(("directory", "name", "checksum", "connections", "limit"), value)
    asked = add_validation.AddForm(urls=value, priority=value, group=value, **every)
    return list(add_validation.AddValidation(asked, {}, [sample(name=value)], Disk("/")).steps())


def remarks(value: str) -> object:
    widget = Remarks()
    widget.show([add_parser.Remark(value, value, add_parser.Severity.ERROR)])
    return widget.rows(80, ascii_only=False)


def search(value: str) -> object:
    action = key_actions.KEY_ACTIONS[0]
    return palette_dialog.rank([palette_dialog.PaletteEntry(action, "a", applies=True)], value)


def found_by(value: str) -> object:
    wanted = filters.parse(value)
    return wanted.matches(sample(name=value), Progress(), NOW)


def read_list(data: bytes) -> None:
    reader = ListReader()
    for start in range(0, len(data), 100):
        list(reader.feed(data[start : start + 100]))
    list(reader.end())


def read_sum(value: str) -> None:
    for line in (value, f"\\{'0' * 64}  {value}", f"SHA256 ({value}", f"{'0' * 64} {value}"):
        with suppress(ValueError):
            sums.parse_line(line)


def read_page(value: str) -> None:
    listing = HtmlListing()
    for start in range(0, len(value), PIECE):
        listing.take(value[start : start + PIECE])


def read_pages(value: str) -> None:
    """Read a page in which a text stands, with tags of it, in tags of it, and for tags."""
    value, piece = value[: LENGTH // 3], value[:12]
    for markup in ("<a href='", "<a ", "</", "<!--", "<script>"):
        with suppress(WinchError):
            read_page(markup + value)
        with suppress(WinchError):
            read_page((markup + piece) * (len(value) // len(markup + piece)))


def follow_link(value: str) -> object:
    url = page_links.resolved(value, "http://h/a/")
    return url and page_links.link_to(url, "http://h/a/")


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "redact_url": redact.redact_url,
    "redact_url of a key": lambda value: redact.redact_url(f"s3://bucket/{value}"),
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
    "http_date": http_dates.http_date,
    "modified_at": lambda value: http_dates.modified_at(value, now=0.0),
    "parse_retry_after": lambda value: http_dates.parse_retry_after(value, 0.0),
    "announced": lambda value: digests.announced(
        {"repr-digest": value, "digest": value, "content-digest": value}, whole=True
    ),
    "a list": lambda value: read_list(value.encode("utf-8", "surrogatepass")),
    "a list of lines": lambda value: read_list(f"http://h/a\n {value}".encode(errors="replace")),
    "a table": lambda value: read_list(
        f"url,path\n{value}\n".encode(errors="replace").replace(b" ", b"\n")
    ),
    "an index page": read_pages,
    "a link": follow_link,
    "a glob": lambda value: Globs([value[:4096]]).allow(value[::-1]),
    "a path": lambda value: Globs(["*a*a*b", "**/a/**/*.*/x*"]).allow(value),
    "suggest": lambda value: filename.suggest(disposition=value, url="http://h/a"),
    "suggest url": lambda value: filename.suggest(disposition=None, url="http://h/" + value),
    "alternatives": lambda value: list(islice(filename.alternatives(value), 2)),
    "follow": lambda value: redirects.follow(BASE, value, count=0),
    "judge 206": judge(206, "content-range"),
    "judge 416": judge(416, "content-range"),
    "judge length": judge(200, "content-length"),
    "judge type": judge(206, "content-type"),
    "judge etag": judge(200, "etag"),
    "links": lambda value: (
        links.duplicates(f"<https://m/a>; rel=duplicate; a={value}", "http://h/a"),
        links.description(value, "http://h/a"),
    ),
    "sums": read_sum,
    "a bag": lambda value: [read_sum(value), bagit.FETCH_LINE.fullmatch(value)],
    "a manifest": lambda value: recognised(value.encode("utf-8", "replace")),
    "challenges": lambda value: challenges.read_offer([value]),
    "refusal": lambda value: challenges.refusal(value, challenges.SentLogin.PASSWORD),
    "next_nonce": challenges.next_nonce,
    "judge coding": judge(200, "content-encoding"),
    "judge refusal": judge(401, "www-authenticate"),
    "judge modified": judge(200, "last-modified"),
    "filter": filters.parse,
    "filter quote": filters.quote,
    "curl": lambda value: (curl.is_curl(value), curl.parse_curl(value)),
    "shell": shell.read_command,
    "parser": lambda value: list(add_parser.AddParser(value, {}).steps()),
    "list_names": add_parser.list_names,
    "clean": fmt.clean,
    "fit": lambda value: fmt.fit(value, 40),
    "cut_middle": lambda value: fmt.cut_middle(value, 40),
    "wrap": lambda value: fmt.wrap(fmt.clean(value[: LENGTH // 5]), 20, 17),
    "folded": lambda value: cells.folded(fmt.clean(value), 40),
    "pane": pane,
    "validation": examine,
    "remarks": remarks,
    "palette": search,
    "filter test": found_by,
    "verb line": verb_parser.parse,
    "completions": lambda value: verb_parser.completions(value, {"0" * 32: value}),
    "choose": lambda value: choosing.choose([value]),
    "pasted": add_parser.pasted_urls,
    "host_of": hosts.host_of,
    "site_of": hosts.site_of,
    "decode": lambda value: codec.decode(value.encode("utf-8", "replace"), codec.Request),
    "import": lambda value: export_format.from_bytes(value.encode("utf-8", "replace"), "x"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_time_grows_with_the_length_alone(name: str) -> None:
    function = FUNCTIONS[name]
    begin = time.process_time()
    for number, piece in enumerate(PIECES):
        long = piece * (LENGTH // len(piece))
        for adversarial in (long, f"{LEADS[number % len(LEADS)]}{long}\0"):
            with suppress(WinchError):
                function(adversarial)
            spent = time.process_time() - begin
            assert spent < MOST_SECONDS, f"{adversarial[:30]!r}…"


def test_a_request_is_measured_before_it_is_looked_at() -> None:
    assert bounds.overlong({"ids": ["a" * bounds.MAX_TEXT, 10**18 - 1, None, 1.5]}) is None
    assert "too long" in (bounds.overlong([[("a" * (bounds.MAX_TEXT + 1),)]]) or "")
    assert "18 digits" in (bounds.overlong({"limit": -(10**18)}) or "")
    request = DownloadRequest(url="http://h/", directory="/d", headers={"a": "b" * 70_000})
    assert "too long" in (bounds.overlong(request) or "")
    with pytest.raises(UsageError, match="too long"):
        checks.check_url("http://h/" + "a" * bounds.MAX_URL)
