"""What object stores list over plain HTTP is read to its end, and as hostile text."""

from __future__ import annotations

import asyncio

import pytest

from core.domain.entries import Entry
from core.domain.errors import ProtocolError
from core.domain.origins import SourceVersion
from core.sources.fetcher import SourceFetcher
from core.sources.index_pages import Bounds
from tests.core.sources.test_index_pages import Pages, read
from tests.faults.model import Request
from tests.faults.server import FaultServer
from tests.store_server import Moto

KEYS = ["set/a.txt", "set/b c+d%41&<é>.txt", "set/sub/x", "set/sub/deeper/y", "set/z"]


@pytest.fixture
def bucket(object_store: Moto, request: pytest.FixtureRequest) -> str:
    """The address of a real bucket."""
    name = object_store.bucket(f"index-{abs(hash(request.node.name))}")
    for key in (*KEYS, "set/", "set/sub/", "settle", "other/x"):
        object_store.put(name, key, b"" if key.endswith("/") else key.encode(), public=True)
    return f"{object_store.endpoint}/{name}"


@pytest.mark.parametrize(
    "query",
    [
        "prefix=set/",
        "list-type=2&prefix=set/",
        "list-type=2&prefix=set/&max-keys=2",
        "prefix=set/&max-keys=2",
        "list-type=2&prefix=set/&delimiter=/",
        "prefix=set/&delimiter=/&max-keys=2",
        "list-type=2&prefix=set/&encoding-type=url&max-keys=1",
    ],
)
async def test_a_bucket_is_read_to_its_end(fetcher: SourceFetcher, bucket: str, query: str) -> None:
    files, refused = await read(fetcher, f"{bucket}?{query}")
    assert sorted(files) == sorted(key.removeprefix("set/") for key in KEYS)
    assert not refused
    for path, entry in files.items():
        assert entry.size == len(f"set/{path}".encode())
        assert entry.version is not None
        assert entry.version.etag is not None
        async with fetcher.open(entry.url, most=1000) as document:
            assert document is not None
            assert b"".join([c async for c in document.chunks()]) == f"set/{path}".encode()
            assert document.validator.etag == entry.version.etag


async def test_a_whole_bucket_keeps_its_prefixes(fetcher: SourceFetcher, bucket: str) -> None:
    files, _ = await read(fetcher, f"{bucket}/")
    assert sorted(files) == sorted([*KEYS, "settle", "other/x"])


async def test_depth_counts_prefixes_and_excluded_ones_are_not_asked_for(
    fetcher: SourceFetcher, bucket: str
) -> None:
    query = "?list-type=2&prefix=set/&delimiter=/"
    files, _ = await read(fetcher, bucket + query, depth=1)
    assert len(files) == 3
    before = fetcher.requests
    files, _ = await read(fetcher, bucket + query, exclude=("sub/",))
    assert len(files) == 3
    assert fetcher.requests == before + 1


def listing(*items: str, more: str = "") -> str:
    truncated = "true" if more else "false"
    name = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    inside = f"<IsTruncated>{truncated}</IsTruncated>{more}{''.join(items)}"
    return f"<?xml version='1.0'?><ListBucketResult {name}>{inside}</ListBucketResult>"


def key(name: str, size: object = 1) -> str:
    return f"<Contents><Key>{name}</Key><Size>{size}</Size><ETag>&quot;e&quot;</ETag></Contents>"


@pytest.fixture
def pages(fault_server: FaultServer) -> Pages:
    return Pages(fault_server)


async def test_odd_keys_are_left_to_whoever_makes_paths(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    text = listing(key("set/a//b"), key("set/../x"), key("set/d/", 7), key("set/s", "-1"), key("x"))
    pages.raw("b", text, "application/xml")
    files, (refused,) = await read(fetcher, f"{pages.server.url_of('b')}?prefix=set/")
    assert sorted(files) == ["../x", "a//b", "s"]
    assert files["s"] == Entry(
        url=f"{pages.server.url}/b/set/s", path="s", version=SourceVersion(etag='"e"')
    )
    assert refused.where == "d/"


async def test_a_listing_that_leads_in_circles_is_refused(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    more = "<NextContinuationToken>again</NextContinuationToken>"
    url = pages.raw("b", listing(key("a"), more=more), "application/xml")
    files, (refused,) = await read(fetcher, f"{url}?list-type=2")
    assert list(files) == ["a"]
    assert "it leads back to where it was" in refused.reason
    assert len(pages.server.requests) == 2


async def test_a_listing_without_end_is_refused(fetcher: SourceFetcher, pages: Pages) -> None:
    async def more(request: Request, writer: asyncio.StreamWriter) -> bool:
        token = f"<NextContinuationToken>{request.number}</NextContinuationToken>"
        body = listing(key(f"k{request.number}"), more=token).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        return True

    url = pages.server.script("endless", more)
    files, (refused,) = await read(fetcher, f"{url}?list-type=2", bounds=Bounds(pages=20))
    assert len(files) == 21
    assert refused.reason == "it has more than 20 pages, 1 were not read"


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><ListBucketResult/>',
        '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><ListBucketResult/>',
        "<ListBucketResult><Contents>",
        "<?xml version='1.0'?><html><a href='x'/></html>",
        "<ListBucketResult>" + "<a>" * 100 + "</a>" * 100 + "</ListBucketResult>",
        listing(*map(key, map(str, range(1001)))),
        listing(more=" "),
        "<ListBucketResult><Contents><Key>" + "k" * 20_000 + "</Key></Contents></ListBucketResult>",
    ],
)
async def test_hostile_xml_is_one_error(fetcher: SourceFetcher, pages: Pages, text: str) -> None:
    url = pages.raw("b", text, "application/xml")
    with pytest.raises(ProtocolError):
        await read(fetcher, url)
