"""From arguments to what the service is asked for, and what is refused before it is asked."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from core.domain.errors import UsageError
from core.domain.models import Checksum, Conflict, DownloadRequest
from core.domain.origins import Origin
from tui.cli.parser import parse
from tui.input.arguments import named_requests, requests_for_urls, shared_request

SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def requests(*words: str, setting: str = "/setting") -> list[DownloadRequest]:
    args = parse(["add", *words])[1]
    return named_requests(args, shared_request(args, setting))


def test_a_url_alone_goes_where_the_setting_says() -> None:
    assert requests("http://a/x") == [DownloadRequest(url="http://a/x", directory="/setting")]


def test_every_option_arrives() -> None:
    words = ["--checksum", f"SHA-1:{SHA1}", "--retries", "3", "--header", "X-A: b: c"]
    words += ["--conflict", "skip"]
    words += ["--priority", "-2", "--group", "set", "--paused", "-d", "/dir", "-o", "n"]
    assert requests("http://a/x", *words) == [
        DownloadRequest(
            url="http://a/x",
            directory="/dir",
            name="n",
            checksum=Checksum("sha1", SHA1),
            conflict=Conflict.SKIP,
            retries=3,
            headers={"X-A": "b: c"},
            priority=-2,
            group="set",
            paused=True,
        )
    ]


def test_a_directory_is_made_absolute_and_home_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert requests("http://a/x", "-d", "sub")[0].directory == str(tmp_path / "sub")
    assert requests("http://a/x", "-d", "~/sub")[0].directory == "/home/somebody/sub"
    assert requests("http://a/x", setting=".")[0].directory == str(tmp_path)


def test_a_url_that_is_named_twice_is_one_download() -> None:
    twice = requests("http://a/x", "http://a/y", "http://a/x")
    assert [request.url for request in twice] == ["http://a/x", "http://a/y"]
    assert len(requests_for_urls(["http://a/x", "http://a/x"], "/d")) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-i", "list", "http://a/x", "-o", "name"],
        ["-i", "list", "--checksum", f"sha1:{SHA1}"],
        ["http://a/x", "--format", "csv"],
        ["-i", "list", "--base", "nonsense"],
        ["no-url"],
        ["file:///etc/passwd"],
        ["http://[::1/x"],
        ["http://a:99999/x"],
        ["http://a/\x1b[31m"],
        ["http://a/\udcff"],
        ["http://a/x", "-o", "sub/name"],
        ["http://a/x", "-o", ".."],
        ["http://a/x", "-o", ""],
        ["http://a/x", "-o", "n\udcff"],
        ["http://a/x", "-d", "/d\udcff"],
        ["http://a/x", "--group", "g\udcff"],
        ["http://a/x", "--header", "A: \udcff"],
        ["http://a/x", "http://a/y", "-o", "name"],
        ["http://a/x", "http://a/y", "--checksum", f"sha1:{SHA1}"],
        ["http://a/x", "--checksum", "sha1:1234"],
        ["http://a/x", "--checksum", f"crc:{SHA1}"],
        ["http://a/x", "--header", "no colon"],
        ["http://a/x", "--header", "bad name: x"],
        ["http://a/x", "--header", "A: b\r\nEvil: c"],
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        requests(*words)


def test_limits_and_mirrors_arrive() -> None:
    words = ["-x", "4", "--limit", "500k"]
    words += ["--mirror", "http://b/x", "--mirror", "http://c/x", "--mirror", "http://b/x"]
    (request,) = requests("http://a/x", *words)
    assert (request.connections, request.limit) == (4, 512_000)
    assert request.mirrors == ("http://b/x", "http://c/x")
    assert requests("http://a/x", "--limit", "off")[0].limit == 0
    assert requests("http://a/x")[0].limit is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--user", "me:pa:ss"], "Basic bWU6cGE6c3M="),
        (["--user", "me"], "Basic bWU6"),
        (["--bearer", "abc"], "Bearer abc"),
        (["--header", "authorization: Basic x"], None),
    ],
)
def test_a_login_is_a_header(
    words: list[str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (request,) = requests("http://a/x", *words)
    assert request.headers.get("Authorization") == expected
    assert len(request.headers) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["-x", "33"],
        ["--limit", "fast"],
        ["--limit", "0"],
        ["--mirror", "ftp://b/x"],
        ["http://a/y", "--mirror", "http://b/x"],
        ["--bearer", "a\nEvil: b"],
        ["--user", "me:\udcff"],
        ["--user", "me:x", "--bearer", "y"],
        ["--user", "me:x", "--header", "Authorization: Basic z"],
    ],
)
def test_limits_mirrors_and_logins_that_cannot_be_meant_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        requests("http://a/x", *words)


def test_a_refusal_repeats_no_secret() -> None:
    with pytest.raises(UsageError) as url:
        requests("ftp://user:hunter2@a/x?token=hunter2")
    with pytest.raises(UsageError) as header:
        requests("http://a/x", "--header", "Authorization hunter2")
    with pytest.raises(UsageError) as login:
        requests("http://a/x", "--bearer", "hunter2\n")
    for caught in (url, header, login):
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_the_options_of_a_store_go_with_what_is_in_one() -> None:
    words = ["--profile", "lab", "--endpoint-url", "http://127.0.0.1:9000", "--region", "eu-west-1"]
    asked = requests("s3://bucket/a b", "http://a/x", *words)
    assert [request.origin for request in asked] == [
        Origin(
            options={
                "profile": "lab",
                "endpoint_url": "http://127.0.0.1:9000",
                "region": "eu-west-1",
            }
        ),
        None,
    ]
    (public,) = requests("s3://bucket/a", "--anonymous")
    assert public.origin == Origin(options={"anonymous": "true"})
    (usual,) = requests("s3://bucket/a")
    assert usual.origin is None


@pytest.mark.parametrize(
    "words",
    [
        ["--profile", "lab", "--anonymous"],
        ["--endpoint-url", "nowhere"],
        ["--endpoint-url", "http://user:secret@host"],
        ["--region", "x/y"],
    ],
)
def test_options_of_a_store_that_cannot_be_meant_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        requests("s3://bucket/a", *words)
    assert "secret" not in raised.value.message


def test_a_prefix_is_no_single_download() -> None:
    with pytest.raises(UsageError) as raised:
        requests("s3://bucket/set/")
    assert "--collection" in raised.value.hint
