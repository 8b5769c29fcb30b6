"""What a filter lets through, and what its mistakes are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Download, DownloadRequest, Phase, Progress, Status
from tests.tui.samples import NOW, sample
from tui.model.filters import KEYS, STATUSES, Filter, FilterError, parse, quote

MOVING = Progress(bytes_downloaded=600, rate=2048.0, eta=90.0)


def iso(**changes: object) -> Download:
    """Return a download of which something can be said in every respect."""
    request = DownloadRequest(
        url="https://me:secret@Cdn.Example.org:8443/pool/x?at=/a",
        directory="/d",
        group="Photos 2024",
        priority=3,
    )
    return sample(
        name="Debian 12 [amd64].iso",
        request=request,
        status=Status.ACTIVE,
        phase=Phase.DOWNLOADING,
        total_bytes=1000,
        error=ErrorInfo(code=ErrorCode.HTTP_STATUS, message="the server answered 404 Not Found"),
        created_at=NOW - timedelta(days=2),
    ).replace(**changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "debian",
        "DEBIAN iso",
        '"debian 12"',
        '"n 12"',
        "example",
        "photos",
        "[amd64]",
        "status:active",
        "STATUS:Queued,Active",
        "size:>999 size:<=1000",
        "size:1000",
        "size:=1000b",
        "size:<1k",
        "rate:>=2k",
        "rate:<2.5k/s",
        "eta:>1m",
        "eta:<=90s",
        "done:>50%",
        "done:60",
        "host:example.org",
        "host:CDN.example.org",
        "host:example.org:8443",
        "host:cdn.ex",
        "host:*.example.org",
        "host:*:8443",
        "group:photos*",
        'group:"photos 2024"',
        "name:*.iso",
        "name:debian?12*",
        "name:*[amd64]*",
        "name:amd64",
        "age:>47h",
        "age:<=2d",
        "error:404",
        "error:http_status",
        "error:*found",
        "priority:>0",
        "priority:<=+3",
        "!zip",
        "!!iso",
        "!status:failed,paused",
        '!"debian 13"',
        "rate:<100k !done:100% deb",
        "!12:30",
    ],
)
def test_is_let_through(text: str) -> None:
    assert parse(text).matches(iso(), MOVING, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "zip",
        "debian zip",
        "secret",
        "8443",
        "pool",
        '"debian  12"',
        "status:done",
        "size:>1000",
        "size:<1000",
        "rate:<2k",
        "eta:>90s",
        "done:>60%",
        "host:org.example",
        "host:example.org:80",
        "host:example.*",
        "host:secret",
        "group:photos",
        "name:*.is",
        "name:[abcd]*",
        "age:>2d",
        "error:500",
        "error:404*",
        "priority:<3",
        "!iso",
        "!!!debian",
        "!host:example.org",
        "status:active !rate:>1k",
    ],
)
def test_is_held_back(text: str) -> None:
    assert not parse(text).matches(iso(), MOVING, NOW)


@pytest.mark.parametrize("key", ["size", "rate", "eta", "done"])
def test_what_is_not_known_is_neither_large_nor_small(key: str) -> None:
    values = {"size": "1G", "rate": "1G", "eta": "1h", "done": "50%"}
    download = sample(status=Status.ACTIVE, phase=Phase.DOWNLOADING)
    for sign in ("<", "<=", "=", ">=", ">"):
        found = parse(f"{key}:{sign}{values[key]}")
        assert not found.matches(download, Progress(), NOW)
        assert parse(f"!{found.text}").matches(download, Progress(), NOW)


def test_a_rate_is_only_said_of_what_moves() -> None:
    assert not parse("rate:>0").matches(iso(status=Status.PAUSED, phase=None), MOVING, NOW)


def test_a_whole_file_is_done_whatever_was_reported_last() -> None:
    assert parse("done:100%").matches(iso(status=Status.COMPLETED), Progress(), NOW)
    empty = iso(status=Status.COMPLETED, total_bytes=0)
    assert parse("done:100%").matches(empty, Progress(), NOW)


def test_a_filter_tells_what_its_answer_depends_on() -> None:
    def flags(text: str) -> tuple[bool, bool, bool]:
        found = parse(text)
        return found.is_live, found.is_timed, found.is_empty

    assert flags(" ") == (False, False, True)
    assert flags("iso size:>1 status:active error:x") == (False, False, False)
    for live in ("rate:>1", "!eta:>1h", "done:5%"):
        assert flags(live) == (True, False, False)
    assert flags("age:>1d") == (False, True, False)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("size:>", ">"),
        ("a size: b", "size:"),
        ("size:>big iso", ">big"),
        ("!size:1G2", "1G2"),
        ("size:>" + "9" * 400, ">" + "9" * 400),
        ("eta:>5", ">5"),
        ("age:>2y", ">2y"),
        ("done:>half", ">half"),
        ("done:nan", "nan"),
        ("done:>-1%", ">-1%"),
        ("priority:high", "high"),
        ("priority:1_0", "1_0"),
        ("priority:" + "9" * 5000, "9" * 5000),
        ("rate:off", "off"),
        ("status:faild x", "faild"),
        ("status:active,", "active,"),
        ("deb stat:failed", "stat:"),
        ("!http://example.org", "!http:"),
        ("iso !", "!"),
        ('name:"" b', '""'),
        ('a ""', '""'),
        ('a name:"b c', '"b c'),
        ('a "b\\', '"b\\'),
    ],
)
def test_a_mistake_is_pointed_at(text: str, wrong: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert text[caught.value.start : caught.value.end] == wrong
    assert caught.value.message
    assert caught.value.code is ErrorCode.USAGE


@pytest.mark.parametrize("key", KEYS)
def test_a_key_without_its_value_says_how_to_write_it(key: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(f"{key}:")
    assert f"'{key}:' needs a value" in caught.value.message
    parse(caught.value.hint.split()[2].strip(",;"))


# Anything a person may have typed so far.
_values = st.sampled_from(
    [
        "x",
        "1G",
        ">2k",
        "<=50%",
        ">1h",
        "*.iso",
        "a b",
        "failed",
        "active,done",
        "",
        ">",
        "404",
        "-1",
    ]
)
terms = st.builds(
    lambda sign, key, value, quoted: sign + key + (quote(value) if quoted else value),
    st.sampled_from(["", "!", "!!"]),
    st.sampled_from(["", *(f"{key}:" for key in KEYS), "foo:"]),
    _values | st.text(max_size=6),
    st.booleans(),
)
texts = st.text(max_size=30) | st.lists(terms, max_size=4).map(" ".join)
downloads = st.builds(
    lambda name, group, status, total, days, host: iso(
        name=name,
        status=status,
        total_bytes=total,
        created_at=NOW - timedelta(days=days),
        request=DownloadRequest(url=f"http://{host}/x", directory="/", group=group),
        error=None if days else iso().error,
    ),
    st.sampled_from(["a.iso", "x", "404 b", "1G"]) | st.text(max_size=8),
    st.none() | st.sampled_from(["x", "a b"]),
    st.sampled_from(Status),
    st.none() | st.integers(0, 2**32),
    st.integers(0, 9),
    st.sampled_from(["x", "a.x", "example.org"]),
)


def tried(text: str) -> Filter | None:
    try:
        return parse(text)
    except FilterError as error:
        assert 0 <= error.start < error.end <= len(text)  # noqa: PT017 - any text may be right
        return None


@given(texts, downloads)
def test_any_text_is_a_filter_or_a_mistake_with_its_place(text: str, download: Download) -> None:
    if (found := tried(text)) is not None:
        assert found.matches(download, MOVING, NOW) in (True, False)


@given(terms, downloads)
def test_a_negated_term_lets_through_the_others(term: str, download: Download) -> None:
    found = tried(term)
    if found is not None and term.split() == [term] and '"' not in term:
        negated = parse("!" + term)
        assert negated.matches(download, MOVING, NOW) is not found.matches(download, MOVING, NOW)


@given(st.lists(terms, max_size=4), downloads, st.randoms())
def test_terms_may_stand_in_any_order(words: list[str], download: Download, any_: object) -> None:
    mixed = list(words)
    any_.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = tried(" ".join(words)), tried(" ".join(mixed))
    if all('"' not in word for word in words):
        assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.matches(download, MOVING, NOW) == other.matches(download, MOVING, NOW)


@given(st.text(min_size=1, max_size=12), st.text(max_size=12))
def test_quoted_text_stands_for_itself(text: str, around: str) -> None:
    found = parse(quote(text))
    holder = sample(name=f"{around}{text}{around}")
    assert found.matches(holder, Progress(), NOW)
    other = sample(name=around, request=DownloadRequest(url="http:///", directory="/"))
    assert found.matches(other, Progress(), NOW) == (text.casefold() in around.casefold())


@pytest.mark.parametrize("text", ["iso", "status:x", "!iso", "a b", 'say "hi"', "\\", "a\\ b", ""])
def test_only_what_needs_quotes_gets_them(text: str) -> None:
    assert (quote(text) == text) == (text in ("iso", "\\"))


def test_every_state_can_be_named() -> None:
    for name, status in STATUSES.items():
        assert parse(f"status:{name}").matches(sample(status=status), Progress(), NOW)
    assert set(STATUSES.values()) == set(Status)


def test_host_and_port_are_found_as_they_are_shown() -> None:
    def found(text: str, url: str) -> bool:
        request = DownloadRequest(url=url, directory="/")
        return parse(text).matches(sample(request=request), Progress(), NOW)

    url = "http://ann:18@127.0.0.1:18999/a.iso"
    assert found("host:127.0.0.1:18999", url)
    assert found("host:127", url)
    assert not found("host:ann", url)
    assert found("host:[::1]:80", "http://[::1]:80/x")
    assert found("host:::1", "http://[::1]/x")
