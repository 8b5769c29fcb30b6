"""The sources there are: winch's own by their kind, and those of packages by their entry points.

Nothing of a source is loaded before somebody asks for it, and packages are looked for only where a
kind or a scheme is none of winch's own.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from core.adapters.files.threads import run_to_end
from core.domain.bounds import cut, overlong
from core.domain.checks import NOT_FETCHED, check_header, check_url, not_fetched
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ConfigError, TransferTimeoutError, UsageError, WinchError
from core.domain.redact import redact_text
from core.domain.stores import SCHEMES as STORE_SCHEMES
from core.domain.text import mended
from core.policy.collections.globs import Globs, path_or_name
from core.sources.base import Address, Fetcher, Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "winch.sources"
"""Entry points of packages that add a source, by its kind, which is the scheme of its addresses."""

_OWN: Final = {
    "list": ("core.sources.lists", "ListSource"),
    "manifest": ("core.sources.manifests", "ManifestSource"),
    "store": ("core.sources.object_store", "ObjectStoreSource"),
    "index": ("core.sources.index_pages", "IndexSource"),
}
_WEB: Final = frozenset({"http", "https"})
_TAKEN: Final = frozenset({*_OWN, *_WEB, *STORE_SCHEMES, *NOT_FETCHED})
_RAISED: Final = (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError)
"""What a package's code may raise that ends its own source, and nothing else."""
_PATIENCE: Final = 60.0
"""Seconds in which a package says where to ask for a file."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,39}):")


class SourceRegistry:
    """Every source that there is; one of each is made, once it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Source] = {}
        self._packages: dict[str, EntryPoint | None] = {}

    def kind_of(self, address: str) -> str | None:
        """Return the kind of source whose addresses have this scheme; None where only a person can
        say it, as of http addresses and of paths, or where there is none.
        """
        scheme = _scheme_of(address)
        if scheme in STORE_SCHEMES:
            return "store"
        return scheme if scheme not in _TAKEN and self._package(scheme) is not None else None

    def resolves(self, url: str) -> bool:
        """Tell whether `refresh` has to say where to ask for it, as of all but http addresses."""
        return _scheme_of(url) not in _WEB

    def check_url(self, url: str) -> None:
        """Raise UsageError unless winch, or a package beside it, can fetch this address."""
        check_url(url)
        scheme = _scheme_of(url)
        if scheme not in _WEB and scheme not in STORE_SCHEMES and self._package(scheme) is None:
            raise not_fetched(scheme)

    async def expand(self, spec: SourceSpec, fetcher: Fetcher) -> AsyncIterator[Entry | Refused]:
        """Yield what a source names and its spec wants; raises WinchError as `Source.expand` does.

        What a package does wrong is one, too, and names the package.
        """
        globs = Globs(spec.include, spec.exclude)
        source = await self._source(spec.kind)
        if spec.kind in _OWN:
            found = source.expand(spec, fetcher)
        else:
            found = _guarded(self._name(spec.kind), source, spec, fetcher)
        try:
            async for item in found:
                if (
                    globs.are_all_wanted
                    or isinstance(item, Refused)
                    or globs.allow(path_or_name(item))
                ):
                    yield item
        finally:
            if (close := getattr(found, "aclose", None)) is not None:
                await close()

    async def refresh(self, entry: Entry) -> Address:
        """Return where to ask for a file now; raises WinchError."""
        scheme = _scheme_of(entry.url)
        if scheme in _WEB:
            return Address(entry.url, entry.headers)
        if scheme in STORE_SCHEMES:
            return await (await self._source("store")).refresh(entry)
        self.check_url(entry.url)
        source, name = await self._source(scheme), self._name(scheme)
        try:
            async with asyncio.timeout(_PATIENCE) as deadline:
                answer: Any = await source.refresh(entry)
        except _RAISED as error:
            _let_cancel(error)
            if deadline.expired():
                raise TransferTimeoutError(f"{name} does not say where to ask") from None
            raise _failure(name, error) from error
        address: Address = _checked(name, answer, Address)
        if _scheme_of(address.url) not in _WEB:
            raise WinchError(f"{name} answers with no http address to ask at")
        check_url(address.url)
        for field, value in address.headers.items():
            check_header(field, value)
        return address

    async def _source(self, kind: str) -> Source:
        """Return the source of a kind; raises UsageError, and ConfigError where it cannot load."""
        if (made := self._made.get(kind)) is None:
            if kind in _OWN:
                made = await self._own(kind)
            else:
                made = await self._loaded(kind)
            self._made[kind] = made
        return made

    async def _own(self, kind: str) -> Source:
        module, name = _OWN[kind]
        try:
            source: Source = getattr(await run_to_end(importlib.import_module, module), name)()
        except ImportError as error:
            raise ConfigError(
                f"what reads a source of the kind '{kind}' cannot be loaded: {_in_short(error)}",
                hint="winch was updated under its daemon: `winch daemon restart`",
            ) from error
        return source

    async def _loaded(self, kind: str) -> Source:
        entry_point = self._package(kind)
        if entry_point is None:
            raise UsageError(
                f"winch knows no source of the kind '{cut(kind, 40)}'",
                hint="the package that adds it has to be installed beside winch",
            )
        try:
            made = (await run_to_end(entry_point.load))()
        except _RAISED as error:
            _let_cancel(error)
            raise ConfigError(
                f"{self._name(kind)} cannot be loaded: {_in_short(error)}",
                hint="install that package anew, or take it away",
            ) from error
        if not (
            callable(getattr(made, "expand", None)) and callable(getattr(made, "refresh", None))
        ):
            raise ConfigError(
                f"{self._name(kind)} is no source: it has no expand and refresh",
                hint="its package needs another version of winch, or is to be mended",
            )
        source: Source = made
        return source

    def _package(self, kind: str) -> EntryPoint | None:
        """Return the entry point of a kind, the first by its package's name; None for none."""
        if kind not in self._packages:
            from importlib.metadata import entry_points  # noqa: PLC0415 (takes 20 ms)

            named = sorted(entry_points(group=GROUP, name=kind), key=lambda each: each.value)
            self._packages[kind] = named[0] if named and kind not in _TAKEN else None
        return self._packages[kind]

    def _name(self, kind: str) -> str:
        """Return what to call the source of a package."""
        entry_point = self._package(kind)
        package = entry_point.dist.name if entry_point and entry_point.dist else "a package"
        return f"the source '{kind}' of {package}"


async def _guarded(
    name: str, source: Source, spec: SourceSpec, fetcher: Fetcher
) -> AsyncIterator[Entry | Refused]:
    """Yield what a package's source does, as long as that is what a source yields."""
    found: Any = None
    try:
        found = source.expand(spec, fetcher)
        async for item in found:
            checked: Entry | Refused = _checked(name, item, Entry, Refused)
            yield checked
    except _RAISED as error:
        _let_cancel(error)
        raise _failure(name, error) from error
    finally:
        if (close := getattr(found, "aclose", None)) is not None:
            await close()


def _checked(name: str, item: Any, *kinds: type[Any]) -> Any:
    """Return what a package hands over as one of the kinds that it may be; raises WinchError."""
    import msgspec  # noqa: PLC0415 (loaded already, but not by whoever only asks for a scheme)

    wanted = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(item, kinds):
        raise WinchError(f"{name} hands over a {cut(type(item).__name__, 80)}, not an {wanted}")
    try:
        # Whoever makes a value may put anything into its fields.
        checked = msgspec.convert(msgspec.to_builtins(mended(item)), type(item))
    except (TypeError, ValueError) as error:
        raise WinchError(f"{name} hands over what is no {wanted}: {cut(str(error), 200)}") from None
    if (what := overlong(checked)) is not None:
        raise WinchError(f"{name} hands over what nobody can mean: {what}")
    return checked


def _let_cancel(error: BaseException) -> None:
    """Raise a cancellation that is meant for whoever runs, and not a package's own."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error


def _failure(name: str, error: BaseException) -> WinchError:
    """Return the error that an exception of a package is: one of winch's as it is."""
    if isinstance(error, WinchError):
        return error
    return WinchError(
        f"{name} failed: {_in_short(error)}", hint="this is a defect of that package, not of winch"
    )


def _in_short(error: BaseException) -> str:
    """Return an exception in a line, without what may be secret in it."""
    first, *_ = str(error).splitlines() or [""]
    return (
        f"{type(error).__name__}: {cut(redact_text(first), 200)}" if first else type(error).__name__
    )


def _scheme_of(address: str) -> str:
    """Return the scheme of an address in small letters, empty where it has none."""
    match = _SCHEME.match(address)
    return match[1].lower() if match else ""
