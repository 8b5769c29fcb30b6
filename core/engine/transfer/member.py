"""A file that a source names: what the source says holds, and what is remembered for its next word.

Of a file that a person named by its URL alone none of it is.
"""

from __future__ import annotations

from core.domain.errors import FileChangedError
from core.domain.models import Checksum, Download, Resource


def check_size(download: Download, resource: Resource) -> None:
    """Raise FileChangedError where a server has a file of another length than its source says.

    What a server sends coded against its word has a length of its own.
    """
    origin = download.request.origin
    said = None if origin is None else origin.size
    if said is None or resource.total is None or resource.coding is not None:
        return
    if resource.total != said:
        raise FileChangedError(
            f"the server has {resource.total} bytes, and its source says {said}",
            hint="what lists it is out of date; of a collection `winch sync` reads that again",
        )


def kept_of(
    download: Download, resource: Resource, digest: Checksum | None = None
) -> dict[str, object]:
    """Return what a whole file is compared by when its source is read again.

    `digest` is what it was computed to have.
    """
    if download.request.origin is None:
        return {}
    return {"validator": resource.validator, "digest": digest}
