"""What the first answer settles: the file's name and the part file that stands for it."""

from __future__ import annotations

from core.adapters.part_file import PartFile
from core.domain.models import DownloadRequest, Resource
from core.policy.filename import alternatives, suggest


async def create_part(request: DownloadRequest, resource: Resource) -> PartFile:
    """Create the part file under the first free name; raises DestinationError, DiskError.

    A name is free when neither the file nor its part file exists, so that nothing is overwritten
    and two downloads never share a part file.
    """
    name = request.name or suggest(disposition=resource.disposition, url=request.url)
    for candidate in alternatives(name):
        part = await PartFile.create(request.directory, candidate)
        if part is not None:
            return part
    raise AssertionError("there is always another name")


async def publish(part: PartFile) -> str:
    """Give a whole part file its final name and return it; raises DiskError.

    Where somebody has made a file of that name meanwhile, the next free one is taken.
    """
    for candidate in alternatives(part.name):
        if await part.publish(candidate):
            return candidate
    raise AssertionError("there is always another name")
