"""Buckets through obstore: all of gs:// and az://, and s3:// for the credentials of an instance.

What it knows of credentials (service accounts, workload identity, instance metadata) nobody else
here does. It comes with the extra `winch[s3]` and is loaded when it is needed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, NoReturn

from core.domain.errors import (
    AuthRequiredError,
    ConfigError,
    HttpStatusError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    UsageError,
)
from core.domain.redact import redact_text
from core.domain.stores import login_hint
from core.policy.transfer.sigv4 import quote_key
from core.sources.base import Address, Fetcher
from core.sources.s3_listing import MOST_KEYS, Listed

INSTALL = "install it beside winch: pip install 'winch[s3]'"

_STORES = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
_ENDPOINTS = {"s3": "endpoint", "gs": "base_url", "az": "endpoint"}
_ACCOUNTS = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_PATIENCE = timedelta(seconds=30)
"""How long finding out who asks may take: a machine may have to be asked what it is."""
_MOST = 20_000_000
"""Keys of a listing."""


class ObstoreBucket:
    """A bucket whose credentials are obstore's to find."""

    def __init__(self, scheme: str, name: str, options: Mapping[str, str]) -> None:
        """Raise ConfigError where obstore is not there, or where it needs to be told more."""
        try:
            self._library: Any = import_module("obstore")
            stores: Any = import_module("obstore.store")
            self._errors: Any = import_module("obstore.exceptions")
        except ImportError:
            lacks = f"{scheme}:// addresses take the package obstore, which is not there"
            if scheme == "s3":
                lacks = (
                    f"nothing in the environment or in a profile says who asks for s3://{name}, and"
                    " to know an instance takes the package obstore, which is not there"
                )
            raise ConfigError(lacks, hint=INSTALL) from None
        self._scheme = scheme
        self._address = f"{scheme}://{name}"
        self._is_anonymous = options.get("anonymous") == "true"
        config: dict[str, Any] = {"skip_signature": True} if self._is_anonymous else {}
        if endpoint := options.get("endpoint_url"):
            config[_ENDPOINTS[scheme]] = endpoint
        if scheme == "s3" and (region := options.get("region")):
            config["region"] = region
        try:
            self._store = getattr(stores, _STORES[scheme])(
                name,
                **config,
                client_options={"allow_http": True, "connect_timeout": timedelta(seconds=5)},
                retry_config={"max_retries": 2, "retry_timeout": _PATIENCE},
            )
        except (self._errors.BaseError, ValueError) as error:
            raise ConfigError(
                f"{self._address} cannot be asked for: {_sentence(error)}",
                hint=login_hint(scheme),
            ) from None
        self._public = f"{endpoint.rstrip('/')}/{name}" if endpoint else self._usual(scheme, name)

    def _usual(self, scheme: str, name: str) -> str:
        """Return where anybody may ask for what is public."""
        if scheme == "gs":
            return f"https://storage.googleapis.com/{name}"
        account = next(filter(None, map(os.environ.get, _ACCOUNTS)), "")
        return f"https://{account}.blob.core.windows.net/{name}"

    async def address(self, key: str, *, version: str | None, seconds: float) -> Address:
        """Return where to ask for an object for some seconds; raises WinchError.

        A `version` cannot be asked for: who compares the answer with what was listed finds out.
        """
        del version
        if self._is_anonymous:
            return Address(f"{self._public}/{quote_key(key)}")
        if key.startswith("/") or any(part in ("", ".", "..") for part in key.split("/")):
            raise UsageError("obstore cannot ask for a key with an empty segment, '.' or '..'")
        until = time.time() + seconds
        with self._translated(signs=True):
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                expires = timedelta(seconds=max(1, int(seconds)))
                url: str = await self._library.sign_async(self._store, "GET", key, expires)
        return Address(url, expires=until)

    async def find(self, key: str, fetcher: Fetcher) -> Listed | None:
        """Return an object as the store describes it, None where there is none."""
        del fetcher
        try:
            with self._translated():
                return _listed(await self._library.head_async(self._store, key))
        except NotFoundError:
            return None

    async def pages(self, prefix: str, fetcher: Fetcher) -> AsyncIterator[tuple[Listed, ...]]:
        """Yield what there is below a prefix, page by page; raises WinchError.

        A key that obstore cannot hold ends the listing: what follows is not known then.
        """
        del fetcher
        count = 0
        with self._translated():
            async for batch in self._store.list(prefix or None, chunk_size=MOST_KEYS):
                yield tuple(map(_listed, batch))
                count += len(batch)
                if count > _MOST:
                    raise ProtocolError("the store's listing does not come to an end")

    @contextmanager
    def _translated(self, *, signs: bool = False) -> Iterator[None]:
        """Turn what obstore raises into winch's errors; what fails as it `signs` is a login."""
        try:
            yield
        except (self._errors.BaseError, OSError, ValueError) as error:
            self._raise_ours(error, signs=signs)

    def _raise_ours(self, error: Exception, *, signs: bool) -> NoReturn:
        errors, reason = self._errors, _sentence(error)
        if isinstance(error, FileNotFoundError):
            raise NotFoundError(
                f"there is nothing at {self._address}", status=404, hint="check the address"
            ) from None
        if isinstance(error, errors.InvalidPathError):
            raise ProtocolError(
                f"the listing of {self._address} holds a key that obstore cannot read: {reason}",
                hint="list it with keys or a profile of its own, or by a narrower prefix",
            ) from None
        if isinstance(error, errors.PermissionDeniedError):
            raise HttpStatusError(
                f"{self._address} is closed to this login (403)",
                status=403,
                hint=login_hint(self._scheme),
            ) from None
        if signs or isinstance(error, errors.UnauthenticatedError) or "169.254." in reason:
            raise AuthRequiredError(
                f"nothing says who asks for {self._address}",
                status=401,
                hint=login_hint(self._scheme),
            ) from None
        raise NetworkError(f"{self._address} does not answer: {reason}") from None


def _listed(meta: Mapping[str, Any]) -> Listed:
    modified, etag = meta.get("last_modified"), meta.get("e_tag") or None
    if etag is not None and not etag.endswith('"'):
        # Azure's listings leave out the quotes that its answers have.
        etag = f'"{etag}"'
    return Listed(
        meta["path"],
        meta.get("size"),
        etag,
        None if modified is None else modified.isoformat(),
        meta.get("version") or None,
    )


def _sentence(error: Exception) -> str:
    """Return the first line of what obstore says, without secrets; the rest is for its makers."""
    return redact_text(str(error).partition("\n")[0][:300])
