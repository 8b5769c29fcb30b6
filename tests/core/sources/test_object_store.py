"""What is below a prefix of a bucket becomes entries, key by key; beside moto's real server."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ErrorCode, WinchError
from core.domain.origins import SourceVersion
from core.sources.fetcher import SourceFetcher
from core.sources.object_store import ObjectStoreSource
from core.sources.registry import SourceRegistry
from core.sources.s3 import region_of
from tests.store_server import KEYS, Door, Moto


async def expanded(
    fetcher: SourceFetcher, address: str, **options: str
) -> tuple[dict[str | None, Entry], list[Refused]]:
    """Return the entries that an address comes to, by their paths, and what was refused."""
    spec = SourceSpec(kind="store", address=address, options=options)
    found = [item async for item in SourceRegistry().expand(spec, fetcher)]
    entries = [item for item in found if isinstance(item, Entry)]
    assert len({entry.path for entry in entries}) == len(entries)
    return {e.path: e for e in entries}, [r for r in found if isinstance(r, Refused)]


async def failure(fetcher: SourceFetcher, address: str, **options: str) -> WinchError:
    with pytest.raises(WinchError) as raised:
        await expanded(fetcher, address, **options)
    return raised.value


async def test_paths_are_kept_below_the_prefix(store_door: Door, fetcher: SourceFetcher) -> None:
    server = store_door.server
    server.bucket("kept")
    etag = server.put("kept", "set/a.txt", b"ten bytes!")
    for key in ("set/sub/naïve €.txt", "set/a b+c%41?#.txt", "set/dir/", "set/", "settle", "other"):
        server.put("kept", key, b"" if key.endswith("/") else b"x")
    entries, refused = await expanded(fetcher, "s3://kept/set/")
    assert set(entries) == {"a.txt", "sub/naïve €.txt", "a b+c%41?#.txt"}
    assert not refused
    assert entries["a.txt"].url == "s3://kept/set/a.txt"
    assert entries["a.txt"].size == 10
    assert entries["a.txt"].version is not None
    assert entries["a.txt"].version.etag == etag
    assert entries["a b+c%41?#.txt"].url == "s3://kept/set/a b+c%41?#.txt"


async def test_a_whole_bucket_a_prefix_without_its_slash_and_one_object(
    store_door: Door, fetcher: SourceFetcher
) -> None:
    server = store_door.server
    server.bucket("ways")
    for key in ("set/a", "set/b", "set", "set-2", "one/two.txt", "one/two.txt.bak", "dir/x"):
        server.put("ways", key, b"x")
    for address in ("s3://ways", "s3://ways/"):
        entries, refused = await expanded(fetcher, address)
        assert len(entries) == 7
        assert not refused
    assert set((await expanded(fetcher, "s3://ways/dir"))[0]) == {"x"}
    assert set((await expanded(fetcher, "s3://ways/set"))[0]) == {"set"}
    assert set((await expanded(fetcher, "s3://ways/one/two.txt"))[0]) == {"two.txt"}


async def test_a_listing_of_many_keys_is_asked_for_page_by_page(
    store_door: Door, fetcher: SourceFetcher
) -> None:
    server = store_door.server
    server.bucket("many")
    for number in range(1100):
        server.put("many", f"set/{number:04}", b"x")
    spec = SourceSpec(kind="store", address="s3://many/set/")
    count = 0
    async for _ in ObjectStoreSource().expand(spec, fetcher):
        count += 1
        # No page is asked for before the one before it is used up.
        assert len(store_door.requests) == (count - 1) // 1000 + 1
    assert count == 1100
    assert all(asked.is_signed and asked.status == 200 for asked in store_door.requests)


async def test_each_hostile_key_is_refused_by_name_and_the_listing_goes_on(
    store_door: Door, fetcher: SourceFetcher
) -> None:
    hostile = ("a/%00", "b/\x1b[31m", "c/./x", "d" * 9000, "dir-with-bytes/")
    names = "".join(
        f"<Contents><Key>set/{quoted(key)}</Key><Size>4</Size></Contents>" for key in hostile
    )
    names += "<Contents><Key>elsewhere</Key></Contents><Contents><Size>4</Size></Contents>"
    names += "<Contents><Key>set/good</Key><Size>many</Size></Contents>"
    store_door.answer = lambda _: listing(names)
    entries, refused = await expanded(fetcher, "s3://hostile/set/")
    assert set(entries) == {"good"}
    assert entries["good"].size is None
    assert len(refused) == 6
    assert all(len(item.where) < 250 and item.where.startswith("key ") for item in refused)


async def test_keys_that_libraries_refuse_come_out_as_they_are(
    store_door: Door, fetcher: SourceFetcher
) -> None:
    keys = ("set/a//b", "set/../x", "set/both", "set/both/below", "set/" + "n" * 900)
    store_door.server.bucket("odd")
    for key in keys:
        store_door.server.put("odd", key, b"x")
    entries, refused = await expanded(fetcher, "s3://odd/set/")
    assert {f"set/{path}" for path in entries} == set(keys)
    assert not refused


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<html>hello</html>", "is no listing"),
        (b"no xml", "cannot be read"),
        (b"<ListBucketResult>" + b"<a>" * 100, "nested too deep"),
        (
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
            "cannot be read",
        ),
        (
            b"<ListBucketResult>" + b"<Contents><Key>a</Key></Contents>" * 1001,
            "more than 1,000 keys",
        ),
        (
            b"<ListBucketResult><Contents><Key>" + b"k" * 20000 + b"</Key></Contents>",
            "too long",
        ),
        (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "goes on"),
    ],
)
async def test_what_is_no_listing_is_an_error(
    store_door: Door, fetcher: SourceFetcher, document: bytes, reason: str
) -> None:
    store_door.answer = lambda _: document
    error = await failure(fetcher, "s3://bucket/set/")
    assert error.code is ErrorCode.PROTOCOL
    assert reason in error.message


async def test_a_listing_that_never_ends_is_given_up(
    store_door: Door, fetcher: SourceFetcher
) -> None:
    store_door.answer = lambda _: listing("", more="again")
    error = await failure(fetcher, "s3://bucket/set/")
    assert "does not come to an end" in error.message
    assert len(store_door.requests) == 2
    count = iter(range(1000))
    store_door.answer = lambda _: listing("", more=f"page {next(count)}")
    error = await failure(fetcher, "s3://bucket/set/")
    assert "does not come to an end" in error.message
    assert len(store_door.requests) < 200


async def test_a_page_is_bounded(store_door: Door, fetcher: SourceFetcher) -> None:
    store_door.answer = lambda _: b"<ListBucketResult>" + b" " * (9 << 20)
    error = await failure(fetcher, "s3://bucket/set/")
    assert error.code is not ErrorCode.INTERNAL


async def test_nothing_there_is_said(store_door: Door, fetcher: SourceFetcher) -> None:
    store_door.server.bucket("empty")
    for address in ("s3://empty/set/", "s3://no-such-bucket/set/", "s3://empty/key"):
        error = await failure(fetcher, address)
        assert error.code is ErrorCode.NOT_FOUND
        assert address in error.message


async def test_who_is_not_let_in_hears_of_it_without_a_signature(
    store_door: Door, fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another one")
    error = await failure(fetcher, "s3://closed/set/")
    assert error.message == "s3://closed/set/ cannot be listed (403)"
    assert "--anonymous" in error.hint
    assert "X-Amz" not in error.message + error.hint + str(error)


async def test_a_public_bucket_is_asked_without_a_signature(
    store_door: Door, fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_door.server.bucket("public.org")
    store_door.server.put("public.org", "set/a", b"x")
    store_door.public.add("public.org")
    entries, _ = await expanded(fetcher, "s3://public.org/set/", anonymous="true")
    assert set(entries) == {"a"}
    assert not any(asked.is_signed for asked in store_door.requests)
    address = await ObjectStoreSource().refresh(entries["a"])
    assert address.url == f"{store_door.endpoint}/public.org/set/a"
    assert address.expires is None
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")

    async def region_of(bucket: str) -> str:
        return {"public.org": "eu-west-1", "plain": "us-east-1"}[bucket]

    monkeypatch.setattr("core.sources.object_store.region_of", region_of)
    for bucket, expected in {
        "public.org": "https://s3.eu-west-1.amazonaws.com/public.org/a%20b",
        "plain": "https://plain.s3.us-east-1.amazonaws.com/a%20b",
    }.items():
        entry = Entry(url=f"s3://{bucket}/a b", options={"anonymous": "true"})
        assert (await ObjectStoreSource().refresh(entry)).url == expected


@pytest.mark.parametrize(
    ("status", "region", "found"),
    [(301, "eu-west-1", "eu-west-1"), (403, "us-east-2", "us-east-2"), (200, None, None)],
)
async def test_amazon_is_asked_where_a_bucket_is(
    status: int, region: str | None, found: str | None
) -> None:
    with directory(status, region) as base:
        assert await region_of("bucket", directory=base) == found
    assert await region_of("bucket", directory=base) is None, "nobody is there any more"


async def test_amazon_says_that_there_is_no_such_bucket() -> None:
    with directory(404, None) as base, pytest.raises(WinchError) as raised:
        await region_of("bucket", directory=base)
    assert raised.value.code is ErrorCode.NOT_FOUND


async def test_a_profile_of_the_files_signs_and_names_its_endpoint(
    store_door: Door, fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store_door.server.bucket("profiled")
    store_door.server.put("profiled", "set/a", b"x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name)
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text(
        f"[lab]\naws_access_key_id = {KEYS.access_key}\naws_secret_access_key = {KEYS.secret_key}\n"
    )
    config.write_text(f"[profile lab]\nregion = us-east-1\nendpoint_url = {store_door.endpoint}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    entries, _ = await expanded(fetcher, "s3://profiled/set/", profile="lab")
    assert set(entries) == {"a"}
    assert all(asked.is_signed for asked in store_door.requests)
    error = await failure(fetcher, "s3://profiled/set/", profile="nobody")
    assert error.code is ErrorCode.CONFIG
    credentials.write_text("[lab]\nnonsense and a secret")
    error = await failure(fetcher, "s3://profiled/set/", profile="lab")
    assert error.code is ErrorCode.CONFIG
    assert "secret" not in error.message


async def test_a_profile_that_has_a_program_asked_is_read_by_boto3(
    store_door: Door, fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store_door.server.bucket("program")
    store_door.server.put("program", "set/a", b"x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    answer, config = tmp_path / "answer", tmp_path / "config"
    keys = {"AccessKeyId": KEYS.access_key, "SecretAccessKey": KEYS.secret_key}
    answer.write_text(json.dumps({"Version": 1, **keys}))
    config.write_text(f"[profile lab]\ncredential_process = cat {answer}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    entries, _ = await expanded(fetcher, "s3://program/set/", profile="lab")
    assert set(entries) == {"a"}
    answer.write_text("no answer, but a secret")
    error = await failure(fetcher, "s3://program/set/", profile="lab")
    assert error.code is ErrorCode.CONFIG
    assert "a secret" not in error.message
    monkeypatch.setitem(sys.modules, "boto3", None)
    error = await failure(fetcher, "s3://program/set/", profile="lab")
    assert "pip install boto3" in error.hint


async def test_an_address_is_good_for_a_while_and_names_the_version(store_door: Door) -> None:
    source = ObjectStoreSource(lifetime=100)
    version = SourceVersion(version="v/1")
    address = await source.refresh(Entry(url="s3://bucket/a//../b?c", version=version))
    assert address.expires is not None
    assert urlsplit(address.url).path == "/bucket/a//../b%3Fc"
    assert "versionId=v%2F1" in address.url
    assert "X-Amz-Expires=100" in address.url
    assert address.headers == {"x-amz-checksum-mode": "ENABLED"}


async def test_what_takes_obstore_says_in_one_line_how_to_install_it(
    fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    for address in ("gs://bucket/set/", "az://bucket/set/", "s3://bucket/set/"):
        error = await failure(fetcher, address, endpoint_url="http://127.0.0.1:9")
        assert error.code is ErrorCode.CONFIG
        assert "pip install 'winch[s3]'" in error.hint
        assert "\n" not in error.message + error.hint


async def test_an_azure_address_is_signed_by_obstore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "QUJD")
    source = ObjectStoreSource()
    address = await source.refresh(Entry(url="az://container/a b%41"))
    url = "https://account.blob.core.windows.net/container/a%20b%2541"
    assert address.url.startswith(f"{url}?")
    assert "sig=" in address.url
    anonymous = {"anonymous": "true"}
    public = await source.refresh(Entry(url="az://container/a b%41", options=anonymous))
    assert public.url == url
    with pytest.raises(WinchError, match="empty segment"):
        await source.refresh(Entry(url="az://container/a//b"))


async def test_a_public_google_bucket_is_asked_without_a_login(
    store_door: Door, fetcher: SourceFetcher
) -> None:
    store_door.server.bucket("google")
    store_door.server.put("google", "set/a", b"x")
    store_door.public.add("google")
    options = {"anonymous": "true", "endpoint_url": store_door.endpoint}
    entries, _ = await expanded(fetcher, "gs://google/set/", **options)
    assert entries["a"].url == "gs://google/set/a"
    address = await ObjectStoreSource().refresh(
        Entry(url="gs://buck/a", options={"anonymous": "true"})
    )
    assert address.url == "https://storage.googleapis.com/buck/a"


async def test_obstore_lists_what_nothing_else_here_can_sign_for(
    object_store: Moto, fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    object_store.bucket("through")
    for key in ("set/a", "set/sub/b", "one"):
        object_store.put("through", key, b"x", public=True)
    account = tmp_path / "account.json"
    account.write_text(
        f'{{"gcs_base_url": "{object_store.endpoint}", "disable_oauth": true,'
        ' "client_email": "", "private_key": "", "private_key_id": ""}'
    )
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(account))
    entries, _ = await expanded(fetcher, "gs://through/set/")
    assert set(entries) == {"a", "sub/b"}
    assert set((await expanded(fetcher, "gs://through/one"))[0]) == {"one"}
    object_store.put("through", "set/x//y", b"x")
    error = await failure(fetcher, "gs://through/set/")
    assert "set/x//y" in error.message


async def test_an_azure_container_is_listed_with_the_validators_that_answers_have(
    store_door: Door, fetcher: SourceFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    store_door.public.add("container")
    store_door.answer = lambda _: (
        b"<?xml version='1.0'?><EnumerationResults><Blobs><Blob><Name>set/a b.txt</Name>"
        b"<Properties><Last-Modified>Sun, 22 Nov 2026 01:00:00 GMT</Last-Modified>"
        b"<Etag>0x8D1</Etag><Content-Length>7</Content-Length>"
        b"<Content-Type>text/plain</Content-Type></Properties></Blob></Blobs><NextMarker/>"
        b"</EnumerationResults>"
    )
    options = {"anonymous": "true", "endpoint_url": store_door.endpoint}
    entries, _ = await expanded(fetcher, "az://container/set/", **options)
    assert entries["a b.txt"].size == 7
    assert entries["a b.txt"].version is not None
    assert entries["a b.txt"].version.etag == '"0x8D1"'
    address = await ObjectStoreSource().refresh(entries["a b.txt"])
    assert address.url == f"{store_door.endpoint}/container/set/a%20b.txt"


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///key", "s3://a/b", "s3://user:word@bucket/", "s3://../x/", "s4://b/"]
)
async def test_what_is_no_bucket_is_refused(fetcher: SourceFetcher, address: str) -> None:
    spec = SourceSpec(kind="store", address=address)
    with pytest.raises(WinchError) as raised:
        [item async for item in ObjectStoreSource().expand(spec, fetcher)]
    assert raised.value.code is ErrorCode.USAGE
    assert "word" not in raised.value.message


def quoted(key: str) -> str:
    return "".join(c if c.isalnum() or c in "/.-%" else f"%{ord(c):02X}" for c in key)


def listing(contents: str, *, more: str = "") -> bytes:
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    truncated = "true" if more else "false"
    return (
        "<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
        f"<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{token}{contents}"
        "</ListBucketResult>"
    ).encode()


@contextmanager
def directory(status: int, region: str | None) -> Iterator[str]:
    """Answer as Amazon does who is asked where a bucket is: with a redirect to nowhere, mostly."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(status)
            if region is not None:
                self.send_header("x-amz-bucket-region", region)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
