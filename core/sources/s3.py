"""A bucket of S3, or of a store that speaks like it: its addresses, signed or not, its listing.

By ourselves and not by obstore, which refuses a whole listing for one key with an empty segment or
`..`, and signs neither a version nor the header that has the store tell a digest.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

from core.adapters.files.threads import run_to_end
from core.domain.errors import NotFoundError, ProtocolError
from core.domain.value import Value
from core.policy.transfer.sigv4 import AwsCredentials, presign, query_of, quote_key
from core.sources.base import Address, Fetcher
from core.sources.s3_listing import MOST_KEYS, PAGE_BYTES, Listed, ListedPage, read_page

MOST_PAGES = 20_000
"""Pages of a listing: twenty million keys."""
_MOST_EMPTY = 100
"""Pages without a key in a row, of which a store may send some."""
_CHECKSUM_MODE = {"x-amz-checksum-mode": "ENABLED"}
"""Has an answer tell the digest that the store keeps of an object, where it keeps one."""
_PAGE_SECONDS = 900.0
"""Seconds that the address of a page is good for: it may be asked for again some times."""
_HOME = "us-east-1"
_DIRECTORY = f"https://s3.{_HOME}.amazonaws.com"
"""Knows where every bucket of Amazon's is."""
_PATIENCE = 10.0
"""Seconds that it may take to say so."""


class S3Bucket(Value, frozen=True, kw_only=True):
    """Where a bucket is, and who asks; `credentials` None asks without saying so.

    `endpoint` is None for Amazon's own, whose buckets have hosts of their own in `region`.
    """

    name: str
    region: str | None = None
    endpoint: str | None = None
    credentials: AwsCredentials | None = None

    @property
    def base(self) -> str:
        """The address that its keys follow."""
        if self.endpoint is not None:
            return f"{self.endpoint.rstrip('/')}/{self.name}/"
        domain = "amazonaws.com" + (".cn" if (self.region or "").startswith("cn-") else "")
        host = f"s3.{self.region}.{domain}" if self.region else f"s3.{domain}"
        # Amazon's certificate is for names without a dot.
        return (
            f"https://{host}/{self.name}/" if "." in self.name else f"https://{self.name}.{host}/"
        )

    async def address(self, key: str, *, version: str | None, seconds: float) -> Address:
        """Return where to ask for an object, for some seconds where that has to be signed."""
        url, query = self.base + quote_key(key), {} if version is None else {"versionId": version}
        if self.credentials is None:
            return Address(self._with(url, query), _CHECKSUM_MODE)
        until = time.time() + seconds
        return Address(self._with(url, query, _CHECKSUM_MODE, seconds), _CHECKSUM_MODE, until)

    def _with(
        self,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        seconds: float = _PAGE_SECONDS,
    ) -> str:
        """Return an address with a query, signed if there is anything to sign it with."""
        if self.credentials is None:
            return f"{url}?{query_of(query)}" if query else url
        return presign(
            url,
            self.credentials,
            region=self.region or _HOME,
            at=datetime.now(UTC),
            seconds=max(1, int(seconds)),
            query=query,
            headers=headers,
        )

    async def find(self, key: str, fetcher: Fetcher) -> Listed | None:
        """Return an object as a listing names it, None where there is none; raises WinchError."""
        page = await self._page(fetcher, {"prefix": key, "max-keys": "1"})
        return next((listed for listed in page.objects if listed.key == key), None)

    async def pages(self, prefix: str, fetcher: Fetcher) -> AsyncIterator[tuple[Listed, ...]]:
        """Yield what there is below a prefix, page by page; raises WinchError.

        The next page is asked for once somebody wants it.
        """
        query, empty = {"prefix": prefix, "max-keys": str(MOST_KEYS)}, 0
        for _ in range(MOST_PAGES):
            page = await self._page(fetcher, query)
            if page.objects:
                yield page.objects
            if page.token is None:
                return
            empty = 0 if page.objects else empty + 1
            if page.token == query.get("continuation-token") or empty > _MOST_EMPTY:
                break
            query["continuation-token"] = page.token
        raise ProtocolError(
            "the store's listing does not come to an end", hint="the store is broken, or hostile"
        )

    async def _page(self, fetcher: Fetcher, query: Mapping[str, str]) -> ListedPage:
        url = self._with(self.base, {"list-type": "2", "encoding-type": "url", **query})
        async with fetcher.open(url, most=PAGE_BYTES) as document:
            assert document is not None  # no version of it is known
            return await read_page(document.chunks())


async def region_of(bucket: str, *, directory: str = _DIRECTORY) -> str | None:
    """Return in which of Amazon's regions a bucket is, None where that cannot be found out.

    Raises NotFoundError where there is no such bucket.
    """
    return await run_to_end(_look_up, f"{directory}/{bucket}", bucket)


def _look_up(url: str, bucket: str) -> str | None:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (https, and the name is checked)
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            headers = answer.headers
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise NotFoundError(
                f"there is no bucket '{bucket}'", status=404, hint="check its name"
            ) from None
        headers = error.headers
    except OSError:
        return None
    region: str | None = headers.get("x-amz-bucket-region")
    return region
