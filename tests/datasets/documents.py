"""What names the files of a data set, in each form that winch reads: lists and manifests."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from tests.datasets.files import CHANGED, LARGE, DataSet
from tests.datasets.nginx import quoted

Digests = Mapping[str, str]
"""The SHA-256 that a document tells of each path; it may be wrong."""
_PIECE = 256 * 1024


def table(data: DataSet, digests: Digests, base: str) -> str:
    """A list with a header, as a spreadsheet writes it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["url", "path", "size", "sha256"])
    writer.writerows(
        (base + quoted(path), path, len(content), digests[path])
        for path, content in data.files.items()
    )
    return text.getvalue()


def sums(data: DataSet, digests: Digests) -> str:
    """What `sha256sum --binary` prints."""
    return "".join(f"{digests[path]} *{path}\n" for path in data.files)


def bag(data: DataSet, digests: Digests, base: str) -> dict[str, str]:
    """The tag files of a bag by their names: every other file is one to fetch from elsewhere."""
    encoded = {path: path.replace("%", "%25") for path in data.files}
    return {
        "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "fetch.txt": "".join(
            f"{base}data/{quoted(path)} {len(content)} data/{encoded[path]}\n"
            for path, content in list(data.files.items())[::2]
        ),
        "manifest-sha256.txt": "".join(
            f"{digests[path]}  data/{encoded[path]}\n" for path in data.files
        ),
    }


def metalink(data: DataSet, digests: Digests, base: str, mirror: str) -> str:
    """Metalink 4 with two addresses for each file, and the digests of the pieces of slow ones."""
    return "".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            '<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n',
            *(_file(data, path, digests[path], base, mirror) for path in data.files),
            "</metalink>\n",
        ]
    )


def catalogue(data: DataSet, digests: Digests, base: str) -> str:
    """What the package of `package.py` reads."""
    return json.dumps(
        [
            {"path": path, "at": base + quoted(path), "size": len(content), "is": digests[path]}
            for path, content in data.files.items()
        ]
    )


def _file(data: DataSet, path: str, digest: str, base: str, mirror: str) -> str:
    content = data.files[path]
    pieces = ""
    if path.startswith(LARGE) and path != CHANGED:
        hashes = "".join(
            f"<hash>{hashlib.sha256(content[at : at + _PIECE]).hexdigest()}</hash>"
            for at in range(0, len(content), _PIECE)
        )
        pieces = f'<pieces length="{_PIECE}" type="sha-256">{hashes}</pieces>'
    return (
        f"<file name={quoteattr(path)}><size>{len(content)}</size>"
        f'<hash type="sha-256">{digest}</hash>{pieces}'
        f'<url priority="1">{escape(base + quoted(path))}</url>'
        f'<url priority="2">{escape(mirror + quoted(path))}</url></file>\n'
    )
