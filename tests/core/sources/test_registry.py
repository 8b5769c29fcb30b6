"""Sources are found by kind and by scheme, and a package's source harms nothing but itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ConfigError, TransferTimeoutError, UsageError, WinchError
from core.sources import registry as registry_module
from core.sources.fetcher import SourceFetcher
from core.sources.registry import SourceRegistry
from tests.core.sources.packages import install

CODE = """
import asyncio
from core.domain.entries import Entry, Refused
from core.sources.base import Address

class Shelf:
    async def expand(self, spec, fetcher):
        for name in spec.options["names"].split():
            yield Entry(url=f"shelf://{name}", path=name)
        yield Refused(where="line 9", reason="too old")

    async def refresh(self, entry):
        return Address(entry.url.replace("shelf://", "http://127.0.0.1/"), {"X-Shelf": "1"})

class Wrong(Shelf):
    async def expand(self, spec, fetcher):
        yield Entry(url="http://x/1")
        yield eval(spec.options["yields"])

    async def refresh(self, entry):
        if entry.path.startswith("await "):
            await eval(entry.path[6:])
        return eval(entry.path)

class Silent:
    pass

def raising(kind):
    raise kind

def leaving():
    raise SystemExit(3)

def broken():
    raise RuntimeError("no disk\\nand more of it")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with sources, installed beside winch."""
    place = tmp_path / "site"
    module = f"shelf_{tmp_path.name.replace('-', '_')}"
    install(
        place,
        name="winch-shelf",
        module=module,
        code=CODE,
        sources={
            "shelf": f"{module}:Shelf",
            "wrong": f"{module}:Wrong",
            "silent": f"{module}:Silent",
            "broken": f"{module}:broken",
            "leaving": f"{module}:leaving",
            "gone": "no_such_module:Source",
            "https": f"{module}:Shelf",
            "s3": f"{module}:Shelf",
        },
    )
    monkeypatch.syspath_prepend(place)
    importlib.invalidate_caches()
    return "winch-shelf"


@pytest.fixture
def registry(package: str) -> SourceRegistry:
    return SourceRegistry()


async def expand(
    registry: SourceRegistry, fetcher: SourceFetcher, kind: str, **options: str
) -> list[Entry | Refused]:
    spec = SourceSpec(
        kind=kind, address=f"{kind}:", include=("a*", "*.csv"), exclude=("ab",), options=options
    )
    return [item async for item in registry.expand(spec, fetcher)]


async def test_a_package_adds_a_scheme(registry: SourceRegistry, fetcher: SourceFetcher) -> None:
    registry.check_url("shelf://a")
    assert registry.resolves("shelf://a")
    assert registry.kind_of("shelf://a") == "shelf"
    address = await registry.refresh(Entry(url="shelf://a"))
    assert (address.url, address.headers) == ("http://127.0.0.1/a", {"X-Shelf": "1"})


async def test_globs_hold_for_the_sources_of_packages(
    registry: SourceRegistry, fetcher: SourceFetcher
) -> None:
    entry, csv, refused = await expand(registry, fetcher, "shelf", names="a b ab b.csv")
    assert isinstance(entry, Entry)
    assert isinstance(csv, Entry)
    assert (entry.path, csv.path) == ("a", "b.csv")
    assert refused == Refused(where="line 9", reason="too old")


@pytest.mark.parametrize(
    ("yields", "complaint"),
    [
        ("'http://x'", "a str, not an Entry or Refused"),
        ("None", "a NoneType, not an Entry or Refused"),
        ("Entry(url=1)", r"what is no Entry or Refused: Expected `str`, got `int` - at `\$.url`"),
        ("Entry(url='http://x', headers=3)", "what is no Entry or Refused"),
        ("Entry(url='http://x', checksum='md5:0')", "what is no Entry or Refused"),
        ("Entry(url=object())", "what is no Entry or Refused"),
        ("Entry(url='http://' + 'x' * 100_000)", "what nobody can mean: a text of 100,007 char"),
        ("spec.nothing", "failed: AttributeError: 'SourceSpec' object has no attribute 'nothing'"),
        ("exit('bye')", "failed: SystemExit: bye"),
        ("[][0]", "failed: IndexError: list index out of range"),
        ("raising(KeyboardInterrupt)", "failed: KeyboardInterrupt"),
        ("raising(asyncio.CancelledError)", "failed: CancelledError"),
    ],
)
async def test_what_a_package_does_wrong_names_it(
    registry: SourceRegistry, fetcher: SourceFetcher, yields: str, complaint: str
) -> None:
    with pytest.raises(WinchError, match=f"^the source 'wrong' of winch-shelf .*{complaint}"):
        await expand(registry, fetcher, "wrong", yields=yields)


@pytest.mark.parametrize(
    "answer",
    [
        "None",
        "Address('ftp://x/y')",
        "Address('http://x', {1: 2})",
        "1 / 0",
        "Address(3)",
        "raising(asyncio.CancelledError)",
    ],
)
async def test_an_address_that_cannot_be_asked_names_its_package(
    registry: SourceRegistry, answer: str
) -> None:
    with pytest.raises(WinchError, match="the source 'wrong' of winch-shelf"):
        await registry.refresh(Entry(url="wrong://x", path=answer))


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("broken", "the source 'broken' of winch-shelf cannot be loaded: RuntimeError: no disk$"),
        ("leaving", "the source 'leaving' of winch-shelf cannot be loaded: SystemExit: 3"),
        ("gone", "the source 'gone' of winch-shelf cannot be loaded: ModuleNotFoundError: No mod"),
        ("silent", "the source 'silent' of winch-shelf is no source: it has no expand and refresh"),
    ],
)
async def test_a_package_that_cannot_be_loaded_is_one_sentence(
    registry: SourceRegistry, fetcher: SourceFetcher, kind: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        await expand(registry, fetcher, kind)
    with pytest.raises(ConfigError, match=complaint):
        await registry.refresh(Entry(url=f"{kind}://x"))


async def test_a_package_that_says_nothing_is_given_up(
    registry: SourceRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "_PATIENCE", 0.01)
    entry = Entry(url="wrong://x", path="await __import__('asyncio').Event().wait()")
    with pytest.raises(TransferTimeoutError, match="winch-shelf does not say where to ask"):
        await registry.refresh(entry)


async def test_a_package_takes_nothing_that_is_winchs_own(registry: SourceRegistry) -> None:
    entry = Entry(url="https://x/y", headers={"A": "b"})
    address = await registry.refresh(entry)
    assert (address.url, address.headers) == (entry.url, entry.headers)
    assert not registry.resolves("HTTPS://x/y")
    assert registry.kind_of("https://x/y") is None
    assert registry.kind_of("s3://bucket/x/") == "store"
    assert registry.kind_of("/a/path") is None


async def test_a_scheme_that_nobody_knows_is_refused(
    registry: SourceRegistry, fetcher: SourceFetcher
) -> None:
    for scheme in ("ftp", "nobodys"):
        with pytest.raises(UsageError, match=f"winch does not fetch {scheme}: addresses"):
            registry.check_url(f"{scheme}://x/y")
    with pytest.raises(UsageError, match="winch does not fetch ftp: addresses"):
        await registry.refresh(Entry(url="ftp://x/y"))
    with pytest.raises(UsageError, match="winch knows no source of the kind 'ftp'"):
        await expand(registry, fetcher, "ftp")


def test_to_have_a_registry_loads_no_source() -> None:
    script = (
        "import sys, core.sources.registry as r; r.SourceRegistry().resolves('s3://a/b');"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    unwanted = {"importlib.metadata", "obstore", "html.parser", "csv", "aiohttp", "xml"}
    assert not unwanted & set(loaded)
