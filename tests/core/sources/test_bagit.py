"""Bags: what fetch.txt and the manifests say together (RFC 8493)."""

from __future__ import annotations

import pytest

from core.domain.entries import Entry
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.sources import bagit
from tests.core.sources.manifest_files import entries, read, refused

MD5, SHA256, SHA512 = "a" * 32, "b" * 64, "c" * 128
BAG = {
    "https://h/bag/bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
    "https://h/bag/manifest-md5.txt": f"{MD5} data/a\n{MD5} data/b\n".encode(),
    "https://h/bag/manifest-sha256.txt": f"{SHA256}  data/a\n{SHA256} *data/b c\n".encode(),
    "https://h/bag/fetch.txt": b"https://far/x?y 12 data/a\n",
}


@pytest.mark.parametrize("name", ["bagit.txt", "fetch.txt", "manifest-md5.txt"])
async def test_any_of_its_files_names_the_bag(name: str) -> None:
    found = entries(await read(BAG, f"https://h/bag/{name}"))
    assert [(e.path, e.url, e.size) for e in found if (e.path or "").startswith("data/")] == [
        ("data/a", "https://far/x?y", 12),
        ("data/b c", "https://h/bag/data/b%20c", None),
    ]


@pytest.mark.parametrize("address", ["https://h/bag", "https://h/bag/"])
async def test_a_directory_is_a_bag_where_it_is_said_so(address: str) -> None:
    assert len(entries(await read(BAG, address, format="bagit"))) == 4


async def test_the_strongest_manifest_counts() -> None:
    found = entries(await read(BAG, "https://h/bag/manifest-md5.txt"))
    assert {e.checksum for e in found if e.checksum} == {Checksum("sha256", SHA256)}


async def test_its_tag_files_come_along_without_a_manifest_of_theirs() -> None:
    found = entries(await read(BAG, "https://h/bag/bagit.txt"))
    assert [(e.path, e.url) for e in found if "data/" not in (e.path or "")] == [
        ("bagit.txt", "https://h/bag/bagit.txt"),
        ("manifest-sha256.txt", "https://h/bag/manifest-sha256.txt"),
    ]


async def test_its_tag_files_come_along_as_their_manifest_has_them() -> None:
    listed = f"{SHA512} bagit.txt\n{SHA512} meta/info.txt\n".encode()
    bag = BAG | {"https://h/bag/tagmanifest-sha512.txt": listed}
    found = entries(await read(bag, "https://h/bag/bagit.txt"))
    assert [(e.path, e.checksum) for e in found if "data/" not in (e.path or "")] == [
        ("bagit.txt", Checksum("sha512", SHA512)),
        ("meta/info.txt", Checksum("sha512", SHA512)),
        ("tagmanifest-sha512.txt", None),
    ]


async def test_line_ends_and_percent_are_encoded_in_paths_and_nothing_else_is() -> None:
    bag = {
        "https://h/bag/manifest-sha256.txt": f"{SHA256} data/a%0d%0Ab%25%20c\n".encode(),
        "https://h/bag/fetch.txt": b"https://far/1 -  data/a%0D%0ab%25%20c\n",
    }
    first, *_ = entries(await read(bag, "https://h/bag/fetch.txt"))
    assert (first.path, first.url, first.size) == ("data/a\r\nb%%20c", "https://far/1", None)


async def test_a_bag_of_this_machine_fetches_what_it_lacks() -> None:
    bag = {address.replace("https://h", "/home/x"): text for address, text in BAG.items()}
    items = await read(bag, "/home/x/bag/fetch.txt")
    assert [e.url for e in items if isinstance(e, Entry)] == ["https://far/x?y"]
    (said,) = refused(items)
    assert "--base" in said.reason
    assert said.where == "manifest-sha256.txt, line 2"


async def test_a_base_says_where_the_files_of_a_local_bag_are() -> None:
    bag = {address.replace("https://h", "/home/x"): text for address, text in BAG.items()}
    items = entries(await read(bag, "/home/x/bag/fetch.txt", base="https://h/bag"))
    assert [e.url for e in items] == ["https://far/x?y", "https://h/bag/data/b%20c"]


async def test_what_no_manifest_names_is_refused() -> None:
    bag = BAG | {"https://h/bag/fetch.txt": b"https://far/x 1 data/z\n"}
    (said,) = refused(await read(bag, "https://h/bag/fetch.txt"))
    assert said.where == "fetch.txt, line 1"
    assert "data/z" in said.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"https://far/x data/a", "no line"),
        (b"https://far/x 12 bagit.txt", "not below data/"),
        (b"https://far/x 12 ../a", "not below data/"),
        (b"https://far/x 12 data/a\nhttps://far/y 12 data/a", "there twice"),
        (b"file:///etc/passwd 12 data/a", "does not fetch file:"),
        (b"x" * 9000 + b" 1 data/a", "no line"),
        (b"x" * 90000, "longer"),
    ],
)
async def test_a_bad_line_is_refused_by_its_number(line: bytes, reason: str) -> None:
    bag = BAG | {"https://h/bag/fetch.txt": b"\n" + line + b"\n"}
    assert any(
        reason in said.reason for said in refused(await read(bag, "https://h/bag/fetch.txt"))
    )


async def test_a_fetch_txt_without_end_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bagit, "MOST_HELD", 3000)
    text = b"".join(b"https://far/%d 1 data/%d\n" % (n, n) for n in range(50))
    items = refused(await read(BAG | {"https://h/bag/fetch.txt": text}, "https://h/bag/fetch.txt"))
    assert len([said for said in items if "remembered" in said.reason]) > 30


async def test_a_bag_without_a_manifest_is_none() -> None:
    with pytest.raises(UsageError, match="no manifest of a bag"):
        await read({"https://h/bag/bagit.txt": b"BagIt-Version: 1.0\n"}, "https://h/bag/bagit.txt")


async def test_a_fetch_txt_of_another_name_is_known_by_its_lines() -> None:
    bag = {
        "https://h/bag/what": b"https://far/x 12 data/a\n",
        "https://h/bag/manifest-md5.txt": f"{MD5} data/a\n".encode(),
    }
    first, *_ = entries(await read(bag, "https://h/bag/what"))
    assert first.path == "data/a"
