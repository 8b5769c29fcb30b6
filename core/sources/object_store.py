"""Object stores: a bucket, or what is below a prefix of it, and how to ask for one of its objects.

The bytes travel through winch's own engine, by addresses that are signed for each request: what
goes on next week is signed anew, and no signature is stored or shown.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from core.adapters.files.threads import run_to_end
from core.domain.bounds import cut
from core.domain.checks import check_store_options, check_url
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ErrorCode, HttpStatusError, NotFoundError, UsageError, WinchError
from core.domain.origins import SourceVersion
from core.domain.redact import redact_text
from core.domain.stores import StoreAddress, login_hint, split_store
from core.sources.base import Address, Fetcher
from core.sources.obstore_bucket import ObstoreBucket
from core.sources.s3 import S3Bucket, region_of
from core.sources.s3_credentials import find
from core.sources.s3_listing import Listed

LIFETIME = 3600.0
"""Seconds that a signed address is good for."""
_LEFT = 0.1
"""What part of that is left when it is signed anew: clocks differ, and requests take time."""
_FRESH = 60.0
"""Seconds that what is known of a bucket and of who asks for it holds."""
_KNOWN = 64
"""Buckets of which that is kept."""
_PORTION = 100
"""Keys between which others have their turn: some milliseconds."""
_SHOWN = 200


class Bucket(Protocol):
    """What one bucket can be asked; see `S3Bucket`."""

    async def address(self, key: str, *, version: str | None, seconds: float) -> Address: ...
    async def find(self, key: str, fetcher: Fetcher) -> Listed | None: ...
    def pages(self, prefix: str, fetcher: Fetcher) -> AsyncIterator[tuple[Listed, ...]]: ...


class ObjectStoreSource:
    """The source of `s3://`, `gs://` and `az://`; `lifetime` is that of a signed address."""

    def __init__(self, *, lifetime: float = LIFETIME) -> None:
        self._lifetime = lifetime
        self._buckets: OrderedDict[object, tuple[Bucket, float]] = OrderedDict()
        self._regions: dict[str, str] = {}
        self._looking = asyncio.Lock()

    async def expand(self, spec: SourceSpec, fetcher: Fetcher) -> AsyncIterator[Entry | Refused]:
        """Yield the objects below a prefix, their paths below it too; or the one that is named.

        Raises WinchError where there is nothing, and where the listing does not come to its end.
        """
        address, is_empty = _sound(spec.address), True
        bucket = await self._bucket(address, spec.options)
        try:
            async for named in _below(bucket, address, spec, fetcher):
                is_empty = False
                yield named
        except WinchError as error:
            raise _told(error, spec.address) from None
        if is_empty:
            raise NotFoundError(
                f"there is nothing at {cut(spec.address, _SHOWN)}",
                status=404,
                hint="check the bucket and the prefix",
            )

    async def refresh(self, entry: Entry) -> Address:
        """Return where to ask for an object now; raises WinchError."""
        address = _sound(entry.url)
        bucket = await self._bucket(address, entry.options)
        version = None if entry.version is None else entry.version.version
        found = await bucket.address(address.key, version=version, seconds=self._lifetime)
        if found.expires is None:
            return found
        return Address(found.url, found.headers, found.expires - _LEFT * self._lifetime)

    async def _bucket(self, address: StoreAddress, options: Mapping[str, str]) -> Bucket:
        """Return a bucket with who asks for it, as it was found out lately or is now."""
        key = (address.scheme, address.bucket, tuple(sorted(options.items())))
        # One looks for all: files are read for it, and machines may be asked.
        async with self._looking:
            known = self._buckets.get(key)
            # Credentials of the other stores are obstore's, which keeps them fresh by itself.
            if known is not None and (
                address.scheme != "s3" or time.monotonic() - known[1] < _FRESH
            ):
                return known[0]
            bucket = await self._look(address, options)
            self._buckets[key] = bucket, time.monotonic()
            self._buckets.move_to_end(key)
            if len(self._buckets) > _KNOWN:
                self._buckets.popitem(last=False)
            return bucket

    async def _look(self, address: StoreAddress, options: Mapping[str, str]) -> Bucket:
        check_store_options(options)
        is_anonymous = options.get("anonymous") == "true"
        if address.scheme != "s3":
            return await run_to_end(ObstoreBucket, address.scheme, address.bucket, options)
        found = await run_to_end(find, options.get("profile"), anonymous=is_anonymous)
        endpoint = options.get("endpoint_url") or found.endpoint
        region = options.get("region")
        if region is None and endpoint is None:
            region = await self._region(address.bucket)
        region = region or found.region
        if found.credentials is None and not is_anonymous:
            known = {"endpoint_url": endpoint, "region": region}
            told = {name: text for name, text in known.items() if text is not None}
            options = {**options, **told}
            return await run_to_end(ObstoreBucket, address.scheme, address.bucket, options)
        return S3Bucket(
            name=address.bucket, region=region, endpoint=endpoint, credentials=found.credentials
        )

    async def _region(self, bucket: str) -> str | None:
        """Return where a bucket of Amazon's is; it never moves."""
        if bucket not in self._regions and (region := await region_of(bucket)) is not None:
            if len(self._regions) >= _KNOWN:
                self._regions.clear()
            self._regions[bucket] = region
        return self._regions.get(bucket)


async def _below(
    bucket: Bucket, address: StoreAddress, spec: SourceSpec, fetcher: Fetcher
) -> AsyncIterator[Entry | Refused]:
    """Yield what an address names: one object, or all below it."""
    prefix = address.key
    if not address.names_many:
        if (listed := await bucket.find(address.key, fetcher)) is not None:
            directory, slash, _ = address.key.rpartition("/")
            if (one := _named(listed, address, directory + slash, spec)) is not None:
                yield one
            return
        prefix += "/"
    async for page in bucket.pages(prefix, fetcher):
        for number, listed in enumerate(page):
            if number % _PORTION == 0:
                await asyncio.sleep(0)
            if (named := _named(listed, address, prefix, spec)) is not None:
                yield named


def _sound(url: str) -> StoreAddress:
    """Take an address apart; raises UsageError where no bucket can be called so."""
    try:
        address = split_store(url)
    except ValueError:
        raise UsageError(f"'{cut(url, _SHOWN)}' is no address in an object store") from None
    if not address.is_sound:
        raise UsageError(
            f"'{cut(address.bucket.rpartition('@')[2], _SHOWN)}' is no name of a bucket",
            hint="write s3://bucket/prefix/",
        )
    return address


def _named(
    listed: Listed, address: StoreAddress, prefix: str, spec: SourceSpec
) -> Entry | Refused | None:
    """Return what there is to fetch of an object; None for the mark of a directory."""
    key = listed.key
    where = f"key {cut(key, _SHOWN)}"
    if not key.startswith(prefix):
        return Refused(
            where=where,
            reason="the store lists it, and it is not below the prefix",
            code=ErrorCode.PROTOCOL,
        )
    if key.endswith("/") or key == prefix:
        if not listed.size:
            return None
        return Refused(where=where, reason="its name ends in '/', and it has bytes all the same")
    url = f"{address.scheme}://{address.bucket}/{key}"
    if "." in key[len(prefix) :].split("/"):
        # As a path it would be that of another key.
        return Refused(where=where, reason="a part of its name is '.'")
    try:
        check_url(url)
    except UsageError as error:
        return Refused(where=where, reason=error.message)
    version = SourceVersion(etag=listed.etag, modified=listed.modified, version=listed.version)
    return Entry(
        url=url,
        path=key[len(prefix) :],
        size=listed.size,
        version=version,
        options=spec.options,
        where=where,
    )


def _told(error: WinchError, address: str) -> WinchError:
    """Return an error of a listing as one of the address that was given, without a signature."""
    shown = cut(address, _SHOWN)
    if isinstance(error, NotFoundError):
        error.message, error.hint = f"there is nothing at {shown} (404)", "check its bucket"
    elif isinstance(error, HttpStatusError) and error.status in (400, 401, 403):
        error.message, error.hint = (
            f"{shown} cannot be listed ({error.status})",
            login_hint(split_store(address).scheme),
        )
    error.message, error.hint = redact_text(error.message), redact_text(error.hint)
    return error
