"""Index pages of real servers name exactly the files that are there, and hostile ones no others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import NetworkError, NotFoundError, UsageError
from core.sources.fetcher import SourceFetcher
from core.sources.index_pages import Bounds, IndexSource
from tests.core.sources.web_servers import SERVERS, Serve
from tests.faults.model import Request, Status
from tests.faults.server import FaultServer

NAMES = [
    "a.txt",
    "co:lon",
    "five.bin",
    "l" * 90 + ".txt",
    "q?m;x=y&z",
    "per%41cent",
    "sub/b.bin",
    "sub/deeper/c#1",
    "sub/q?&<>\"'#x%41/f+g h",
    "with space/file name.txt",
    "ünï/ä.txt",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with odd names, an empty directory, and a link that leads up."""
    root = tmp_path_factory.mktemp("tree") / "data"
    for number, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * (number * 1097))
    (root / "empty").mkdir()
    (root.parent / "secret").write_text("not below")
    (root / "sub" / "up").symlink_to("..")
    # Servers of their own users read it, too.
    for each in root.parent.parents[:3]:
        each.chmod(each.stat().st_mode | 0o055)
    return root


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a real server, which shows the directory above the tree."""
    serve: Serve = SERVERS[request.param]
    with serve(tree.parent, tmp_path_factory.mktemp("server")) as url:
        yield url


async def read(
    fetcher: SourceFetcher, address: str, *, bounds: Bounds | None = None, **options: object
) -> tuple[dict[str, Entry], list[Refused]]:
    """Return the files by their paths, and what was refused."""
    spec = SourceSpec(kind="index", address=address, **options)
    items = [item async for item in IndexSource(bounds).expand(spec, fetcher)]
    entries = [item for item in items if isinstance(item, Entry)]
    by_path = {entry.path or "": entry for entry in entries}
    assert len(by_path) == len(entries), "a path is named twice"
    return by_path, [item for item in items if isinstance(item, Refused)]


async def body(fetcher: SourceFetcher, url: str) -> bytes:
    async with fetcher.open(url, most=1 << 20) as document:
        assert document is not None
        return b"".join([chunk async for chunk in document.chunks()])


@pytest.mark.parametrize("start", ["/data/", "/data", "/data/?C=S;O=D"])
async def test_a_real_server_names_what_is_there(
    fetcher: SourceFetcher, server: str, tree: Path, start: str
) -> None:
    files, refused = await read(fetcher, server + start)
    assert sorted(files) == sorted(NAMES)
    assert not refused
    for path, entry in files.items():
        size = (tree / path).stat().st_size
        assert await body(fetcher, entry.url) == b"x" * size
        assert entry.size in (size, None)


async def test_sizes_are_told_where_they_are_exact(
    fetcher: SourceFetcher, tree: Path, tmp_path: Path
) -> None:
    with SERVERS["nginx"](tree, tmp_path) as url:
        files, _ = await read(fetcher, url + "/")
    assert {path: entry.size for path, entry in files.items()} == {
        path: (tree / path).stat().st_size for path in NAMES
    }
    with SERVERS["nginx, rounded sizes"](tree, tmp_path) as url:
        files, _ = await read(fetcher, url + "/")
    assert files["ünï/ä.txt"].size is None


async def test_a_name_that_is_no_utf_8_stays_percent_encoded(
    fetcher: SourceFetcher, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / os.fsdecode(b"lat\xe9in")).write_text("x")
    with SERVERS["nginx"](root, tmp_path) as url:
        files, refused = await read(fetcher, url)
        assert not refused
        assert list(files) == ["lat%E9in"]
        assert await body(fetcher, files["lat%E9in"].url) == b"x"


async def test_depth_counts_pages(fetcher: SourceFetcher, tree: Path, tmp_path: Path) -> None:
    with SERVERS["nginx"](tree, tmp_path) as url:
        first, _ = await read(fetcher, url, depth=1)
        second, _ = await read(fetcher, url, depth=2)
    assert sorted(first) == sorted(name for name in NAMES if "/" not in name)
    assert sorted(second) == sorted(name for name in NAMES if name.count("/") < 2)


async def test_directories_without_anything_wanted_are_not_asked_for(
    fetcher: SourceFetcher, tree: Path, tmp_path: Path
) -> None:
    with SERVERS["nginx"](tree, tmp_path) as url:
        files, _ = await read(fetcher, url, exclude=("sub/", "ünï/**"))
    assert "sub/b.bin" not in files
    assert fetcher.requests == 3  # the start, empty/ and `with space/`


# -- pages that are written to mislead ------------------------------------------------------------


class Pages:
    """Pages that a server shows, by their paths, each as the links in it."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server

    def show(self, name: str, *hrefs: str, head: str = "") -> str:
        links = "".join(f'<li><a href="{href}">{href.strip()}</a></li>\n' for href in hrefs)
        return self.raw(name, f"<html><head>{head}</head><body><ul>{links}</ul></body></html>")

    def raw(
        self, name: str, text: str | bytes, content_type: str = "text/html", **more: object
    ) -> str:
        content = text if isinstance(text, bytes) else text.encode()
        return self.server.file(name, content, content_type=content_type, **more)


@pytest.fixture
def pages(fault_server: FaultServer) -> Pages:
    return Pages(fault_server)


OUTSIDE = [
    "",
    "#top",
    "?C=N;O=D",
    "?",
    ".",
    "./",
    "..",
    "../",
    "../other",
    "/",
    "/etc/passwd",
    "/data/../etc",
    "%2e%2e/x",
    "%2E%2e/",
    ".%2e/x",
    "a/../../x",
    "a/%2e%2e/%2e%2e/x",
    "//other.test/data/x",
    "///other.test/data/x",
    "\\\\other.test\\x",
    "http://other.test/data/x",
    "http://127.0.0.1:1/data/x",
    "https://127.0.0.1/data/x",
    "HTTP://user@127.0.0.1/data/x",
    "http://[bad/data/x",
    "http://127.0.0.1:99999999/data/x",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "JavaScript:void(0)/x",
    "mailto:a@b.c",
    "data:text/html,<a>",
    "ftp://127.0.0.1/data/x",
    "file:///etc/passwd",
    "sub/?C=N;O=D",
    "/database/x",
    "/dat%61base/x",
]


@pytest.mark.parametrize("href", OUTSIDE)
async def test_a_link_that_leads_to_nothing_below_is_passed_over(
    fetcher: SourceFetcher, pages: Pages, href: str
) -> None:
    url = pages.show("data/", href, "kept")
    assert await read(fetcher, url) == ({"kept": Entry(url=f"{url}kept", path="kept")}, [])
    assert len(pages.server.requests) == 1


SAME = [
    "x y",
    "x%20y",
    "./x%20y",
    " x%20y\n",
    "x%20\ny",
    "x%20y#part",
    "/data/x%20y",
    "/data//x%20y",
    "/d%61ta/./x%20y",
    "a/../x%20y",
    "%2e/%78%20y",
    "../data/x%20y",
    "//{site}/data/x%20y",
    "http://{site}/data/x%20y",
    "HTTP://{site}/data/x%20y",
]


@pytest.mark.parametrize("href", SAME)
async def test_the_same_place_is_one_file_in_every_spelling(
    fetcher: SourceFetcher, pages: Pages, href: str
) -> None:
    site = f"127.0.0.1:{pages.server.port}"
    pages.server.file("data/x y", b"found")
    url = pages.show("data/", href.format(site=site), "x%20y")
    files, refused = await read(fetcher, url)
    assert (list(files), refused) == (["x y"], [])
    assert await body(fetcher, files["x y"].url) == b"found"


@pytest.mark.parametrize(
    ("href", "complaint"),
    [
        ("a%2fb", "holds a slash or NUL"),
        ("a%2F..%2F..%2Fetc", "holds a slash or NUL"),
        ("a%00b", "holds a slash or NUL"),
        ("a" * 9000, "a link of 9,000 characters is too long"),
        ("ü" * 2000, "an address of 12,"),
    ],
)
async def test_a_name_that_cannot_be_is_refused_by_its_page(
    fetcher: SourceFetcher, pages: Pages, href: str, complaint: str
) -> None:
    url = pages.show("data/", href, "kept")
    files, (refused,) = await read(fetcher, url)
    assert list(files) == ["kept"]
    assert refused.where == url
    assert complaint in refused.reason


@pytest.mark.parametrize("base", ["http://other.test/data/", "/elsewhere/", "//other.test/", ".."])
async def test_a_base_leads_nowhere_else(fetcher: SourceFetcher, pages: Pages, base: str) -> None:
    url = pages.show("data/", "x", "/data/y", head=f'<base href="{base}"><base href="/data/">')
    files, refused = await read(fetcher, url)
    assert sorted(files) in (["y"], [])
    assert not refused


async def test_a_base_below_the_start_is_obeyed(fetcher: SourceFetcher, pages: Pages) -> None:
    url = pages.show("data/", "x", head='<base href="/data/v2/">')
    assert list((await read(fetcher, url))[0]) == ["v2/x"]


async def test_links_that_are_none_are_not_taken_for_some(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    text = """<!-- <a href="comment">x</a> --><script>'<a href="script">x</a>'</script>
    <style><a href="style"></style><a name="x">no link</a><img src="image"><link href="link">
    <a href='single'>x</a><A HREF=bare>x</A><a href="&#116;wo&amp;" href="other">x<a href=open"""
    files, refused = await read(fetcher, pages.raw("data/", text))
    assert (sorted(files), refused) == (["bare", "single", "two&"], [])


async def test_a_plain_page_is_a_list_of_what_it_links_below_itself(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    names = [f"files/{number}.csv" for number in range(100)]
    url = pages.show("set/all.html", *names, "all.html", "all.html?print=1", "../x", "get?id=3")
    files, refused = await read(fetcher, url)
    assert (list(files), refused) == ([*names, "get"], [])
    assert files["get"].url.endswith("/set/get?id=3")


async def test_files_that_differ_in_their_query_alone_are_not_lost_in_silence(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.show("set/", "get?id=1", "get?id=2", "get?id=1", "plain", "plain?view=1")
    files, (refused,) = await read(fetcher, url)
    assert {path: entry.url for path, entry in files.items()} == {
        "get": f"{url}get?id=1",
        "plain": f"{url}plain",
    }
    assert refused == Refused(where=f"{url}get?id=2", reason="another link has its name 'get'")


async def test_what_a_directory_is_called_tells_that_it_is_one(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.raw("data/", '<a href="sub">sub/</a>')
    pages.raw("data/sub", b"", redirect_to="/data/sub/")
    pages.show("data/sub/", "x")
    assert list((await read(fetcher, url))[0]) == ["sub/x"]


async def test_a_redirect_of_a_page_stays_below_the_start(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.show("data/", "up/", "away/", "other/", "same/")
    pages.raw("data/up/", b"", redirect_to="/")
    pages.raw("data/away/", b"", redirect_to="http://localhost:1/data/")
    pages.raw("data/other/", b"", redirect_to="/data/moved/")
    pages.raw("data/same/", b"", redirect_to="/data/")
    pages.show("", "secret")
    pages.show("data/moved/", "x")
    files, refused = await read(fetcher, url)
    assert list(files) == ["moved/x"]
    assert [(each.where, each.code) for each in refused] == [
        (f"{url}up/", "redirect"),
        (f"{url}away/", "network"),
    ]


async def test_the_login_of_the_start_is_that_of_all_below_it(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    site = f"127.0.0.1:{pages.server.port}"

    def door(request: Request) -> Status:
        who = {"WWW-Authenticate": 'Basic realm="x"'}
        return 200 if "authorization" in request.headers else (401, who)

    text = f'<a href="sub/"><a href="http://{site}/data/x"><a href="http://eve@{site}/data/y">'
    pages.raw("data/", text, statuses=door)
    pages.raw("data/sub/", '<a href="z">', statuses=door)
    start = f"http://me:s3cret@{site}/data/"
    files, refused = await read(fetcher, start)
    assert {path: entry.url for path, entry in files.items()} == {
        "x": f"{start}x",
        "sub/z": f"{start}sub/z",
    }
    assert not refused


async def test_the_start_may_lead_elsewhere(fetcher: SourceFetcher, pages: Pages) -> None:
    pages.show("v2/data/", "x", "/v1/y")
    url = pages.raw("v1", b"", redirect_to="/v2/data/")
    assert list((await read(fetcher, url))[0]) == ["x"]


async def test_a_page_that_fails_is_refused_and_the_others_go_on(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.show("data/", "gone/", "broken/", "image/", "good/", "late/")
    pages.raw("data/broken/", b"", statuses=[500] * 99)
    pages.raw("data/image/", b"\x89PNG", "image/png")
    pages.show("data/good/", "x")
    pages.raw("data/late/", '<a href="y">', statuses=[503, 503])
    files, refused = await read(fetcher, url)
    assert list(files) == ["good/x", "late/y"]
    assert [(each.where, each.code) for each in refused] == [
        (f"{url}gone/", "not_found"),
        (f"{url}broken/", "http_status"),
        (f"{url}image/", "usage"),
    ]


async def test_a_server_that_goes_away_is_no_thousand_refusals(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.show("data/", *(f"{number}/" for number in range(30)))
    for number in range(30):
        pages.raw(f"data/{number}/", "<a href=x>", fail_after=0)
    with pytest.raises(NetworkError):
        await read(fetcher, url)
    pages.raw("data/7/", "<a href=x>")
    pages.raw("data/15/", "<a href=x>")
    pages.raw("data/22/", "<a href=x>")
    files, refused = await read(fetcher, url)
    assert (len(files), len(refused)) == (3, 27)


async def test_a_start_that_is_no_page_is_an_error(fetcher: SourceFetcher, pages: Pages) -> None:
    with pytest.raises(NotFoundError):
        await read(fetcher, pages.server.url_of("none/"))
    with pytest.raises(UsageError, match="is no page that lists files, it is image/png"):
        await read(fetcher, pages.raw("x.png", b"\x89PNG", "image/png"))


# -- pages without end ----------------------------------------------------------------------------


async def test_a_calendar_ends(fetcher: SourceFetcher, fault_server: FaultServer) -> None:
    pages = Pages(fault_server)
    for month in range(100):
        pages.show(f"cal/{month}/", f"../{month + 1}/", f"../{max(0, month - 1)}/", "day.ics")
    url = pages.show("cal/", "0/")
    files, refused = await read(fetcher, url, bounds=Bounds(depth=10))
    assert len(files) == 9
    (last,) = refused
    assert last == Refused(where=f"{url}9/", reason="it is more than 10 pages away")


async def test_a_tree_without_end_ends(fetcher: SourceFetcher, pages: Pages) -> None:
    async def more(request: object, writer: asyncio.StreamWriter) -> bool:
        page = b'<a href="0/">0/</a><a href="1/">1/</a><a href="f">f</a><a href="x%d">' % id(
            request
        )
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(page) + page)
        return True

    def paths(depth: int) -> Iterable[str]:
        yield "tree/"
        if depth:
            for rest in paths(depth - 1):
                yield f"tree/0/{rest[5:]}"
                yield f"tree/1/{rest[5:]}"

    for path in paths(8):
        pages.server.script(path, more)
    files, refused = await read(
        fetcher, pages.server.url_of("tree/"), bounds=Bounds(pages=50, depth=7)
    )
    assert len(pages.server.requests) == 51
    assert len(files) >= 51
    assert "it has more than 50 pages, 52 were not read" in [each.reason for each in refused]


async def test_more_files_than_anybody_wants_are_refused(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.show("data/", *(str(number) for number in range(300)), "sub/")
    files, (refused,) = await read(fetcher, url, bounds=Bounds(files=200))
    assert len(files) == 200
    assert refused == Refused(where=url, reason="it names more than 200 files")
    assert len((await read(fetcher, url, depth=1, bounds=Bounds(files=300)))[0]) == 300


async def test_a_page_without_end_is_refused(fetcher: SourceFetcher, pages: Pages) -> None:
    url = pages.show("data/", "long/", "x")
    pages.raw("data/long/", b'<a href="y">' + b" " * 100_000, chunked=True)
    files, (refused,) = await read(fetcher, url, bounds=Bounds(bytes=50_000))
    assert list(files) == ["x"]
    assert refused.where == f"{url}long/"
    assert "is larger than 50,000 bytes" in refused.reason


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<a " + "x=y " * 50_000, "a tag of more than"),
        ("<a href='" + "x" * 200_000, "a tag of more than"),
        ("<!--" * 50_000, "a tag of more than"),
        ("<![<![", "cannot be read as HTML"),
        ("<a href=x>" * 200_001, "more than 200,000 links"),
    ],
)
async def test_markup_without_end_is_an_error(
    fetcher: SourceFetcher, pages: Pages, text: str, complaint: str
) -> None:
    url = pages.show("data/", "bad/", "x")
    pages.raw("data/bad/", text)
    files, (refused,) = await read(fetcher, url)
    assert list(files) == ["x"]
    assert complaint in refused.reason


async def test_a_directory_that_is_made_up_again_and_again_is_refused(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    """It looks like one that contains itself, and nobody knows what else would be below."""

    async def more(_: Request, writer: asyncio.StreamWriter) -> bool:
        page = b'<a href="d/">d/</a><a href="f">f</a>'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(page) + page)
        return True

    for depth in range(10):
        pages.server.script("tree/" + "d/" * depth, more)
        pages.server.script("tree/" + "d/" * depth + "f", more)
    url = pages.server.url_of("tree/")
    files, (refused,) = await read(fetcher, url)
    assert list(files) == ["f"]
    assert refused.where == f"{url}d/"
    assert "lists the same as a directory above it" in refused.reason


@pytest.mark.parametrize("names", [[], ["x"], ["x", "b/"]])
async def test_directories_of_the_same_names_in_each_other_are_not_taken_for_a_loop(
    fetcher: SourceFetcher, pages: Pages, names: list[str]
) -> None:
    url = pages.show("a/", "a/", *names)
    pages.show("a/a/", "a/", *names)
    pages.show("a/a/a/", "a/", *names)
    pages.show("a/a/a/a/", "end")
    files, _ = await read(fetcher, url)
    here = ["x"] if names else []
    levels = [f"{'a/' * depth}{name}" for depth in range(3) for name in here]
    assert sorted(files) == sorted([*levels, "a/a/a/end"])


async def test_who_stops_reading_leaves_nothing_behind(
    fetcher: SourceFetcher, pages: Pages
) -> None:
    url = pages.show("data/", *(f"{number}/" for number in range(20)))
    for number in range(20):
        pages.raw(f"data/{number}/", b'<a href="x">' * 1000, hold_after=10)
    spec = SourceSpec(kind="index", address=url)
    items = IndexSource().expand(spec, fetcher)
    waiting = asyncio.ensure_future(anext(items))
    await pages.server.wait_for_request(5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()} | {
        task for task in asyncio.all_tasks() if "read" not in str(task.get_coro())
    }
    for number in range(4):
        pages.server.release(f"data/{number}/")
