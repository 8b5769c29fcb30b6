"""From the options of `add` or `get` to a collection: its name, and the source of its files.

Everything that can be known to be wrong without reading the source is said here.
"""

from __future__ import annotations

import argparse
import re
from urllib.parse import unquote, urlsplit

from core import launcher
from core.domain.checks import check_collection_name, check_url
from core.domain.collections import CollectionRequest
from core.domain.entries import SourceSpec
from core.domain.errors import UsageError
from core.domain.names import safe_name
from core.domain.redact import redact_url
from core.domain.stores import is_store, split_store
from core.domain.value import replace
from tui.input.arguments import absolute, here, shared_request
from tui.input.remote import REMOTE
from tui.input.store_options import store_options

_MANIFEST_BYTES = 2**30
_TELLS_NOTHING = re.compile(
    r"(?i)(?:(?:md5|sha\d{1,3}|b2)sums?(?:\.txt|\.asc)?|(?:tag)?manifest(?:-\w{1,10})?\.txt"
    r"|fetch\.txt|bagit\.txt|checksums?(?:\.\w{1,10})?|index\.html?|-|)"
)
"""Names of manifests that are the same everywhere: the directory above has a name of its own."""
_ENDING = re.compile(r"(?i)\.(?:meta4|metalink|txt|csv|tsv|jsonl?|html?|lst|list|urls|sha\d+|md5)$")


def is_collection(args: argparse.Namespace) -> bool:
    """Tell whether the arguments make of many files one thing."""
    return args.collection is not None or _named_source(args) is not None


def collection_request(args: argparse.Namespace, directory: str) -> CollectionRequest:
    """Return the collection that is asked for; raises UsageError.

    `directory` is the setting; where -d is not given, files go to a directory in it that has the
    collection's name.
    """
    source = _source(args)
    name = args.collection
    if name is None and source is not None:
        name = name_for(source.address)
    check_collection_name(name := name or "")
    if source is not None and is_read_here(args):
        source = SourceSpec(kind="list", address="-", base=source.base)
    _check_alone(args)
    shared = shared_request(args, directory)
    if args.directory is None:
        shared = replace(shared, directory=f"{shared.directory.rstrip('/')}/{name}")
    return CollectionRequest(
        name=name,
        request=replace(shared, limit=None, origin=None),
        source=source,
        together=args.together,
        limit=shared.limit or None,
    )


def is_read_here(args: argparse.Namespace) -> bool:
    """Tell whether a manifest is a file that the daemon, on another machine, cannot read."""
    return REMOTE.get() is not None and args.manifest is not None and "://" not in args.manifest


def here_source(args: argparse.Namespace) -> SourceSpec:
    """Return the manifest that is read here, for the daemon of another machine."""
    source = _source(args)
    assert source is not None
    return source


def named_files(args: argparse.Namespace) -> list[str]:
    """Return the URLs that are members by themselves, each once; raises UsageError."""
    urls = [url for url in dict.fromkeys(map(str.strip, args.urls)) if not _names_many(url)]
    for url in urls:
        check_url(url)
    return urls


def name_for(address: str) -> str:
    """Return what to call a collection whose source is there; raises UsageError for nothing.

    It is the last part of the address that says anything.
    """
    path = address
    if is_store(address):
        path = address.partition("://")[2]
    elif "://" in address:
        parts = urlsplit(address)
        path = f"{parts.hostname or ''}/{unquote(parts.path)}"
    for part in reversed(path.split("/")):
        if not _TELLS_NOTHING.fullmatch(part):
            name = safe_name(_ENDING.sub("", part) or part).replace(":", "-").strip()
            name = name.lstrip("-~._! ")
            if name:
                return name
    raise UsageError("its source tells of no name", hint="give one with --collection NAME")


def _check_alone(args: argparse.Namespace) -> None:
    if getattr(args, "group", None) is not None:
        raise UsageError("a collection is a group by itself", hint="leave out --group")
    for option, value in (("-o", args.output), ("--checksum", args.checksum)):
        if value is not None:
            raise UsageError(f"{option} fits one file, and not a collection")
    if args.mirror:
        raise UsageError("--mirror fits one file, and not a collection")


def _source(args: argparse.Namespace) -> SourceSpec | None:
    """Return the one source that is named, None for none; raises UsageError."""
    found = _named_source(args)
    singles = [url for url in args.urls if not _names_many(url)]
    if args.input is not None:
        if found is not None:
            raise UsageError("a collection has one source, and -i names another")
        # What is read here cannot be read again by the daemon of another machine.
        is_passing = args.input == "-" or REMOTE.get() is not None
        address = "-" if is_passing else absolute(args.input)
        found = ("list", address)
    elif found is not None and (singles or len(args.urls) > 1):
        raise UsageError("a collection has one source, and URLs name others")
    if found is None:
        _check_unused(args, args.urls)
        return None
    kind, address = found
    if args.depth is not None and kind != "index":
        raise UsageError("--depth is how far -r goes, and there is none")
    if args.format is not None and kind not in ("list", "manifest"):
        raise UsageError("--format is of a list or a manifest, and there is none")
    if args.base is not None:
        check_url(args.base)
    return SourceSpec(
        kind=kind,
        address=address,
        base=args.base,
        format=args.format,
        include=tuple(args.include),
        exclude=tuple(args.exclude),
        depth=args.depth,
        options=store_options(args),
    )


def _check_unused(args: argparse.Namespace, urls: list[str]) -> None:
    for option, value in (("--include", args.include), ("--exclude", args.exclude)):
        if value:
            raise UsageError(f"{option} chooses from a source, and there is none")
    if args.depth is not None:
        raise UsageError("--depth is how far -r goes, and there is none")
    if args.collection is not None and not urls:
        raise UsageError(
            "there is no source of files", hint="name URLs, -i FILE, --manifest FILE or -r URL"
        )


def _named_source(args: argparse.Namespace) -> tuple[str, str] | None:
    """Return the kind and the address of what is a source by itself, None for nothing.

    Raises UsageError for two of them.
    """
    found = []
    if args.manifest is not None:
        found.append(("manifest", _manifest(args.manifest)))
    if args.recursive is not None:
        check_url(url := args.recursive.strip())
        found.append(("index", url))
    found += [(_kind(url), url) for url in map(str.strip, args.urls) if _names_many(url)]
    if len(found) > 1:
        raise UsageError("a collection has one source, and there are several")
    return found[0] if found else None


def _manifest(text: str) -> str:
    if text == "-":
        raise UsageError(
            "a manifest is read by the daemon, which has no stdin", hint="write it to a file"
        )
    if "://" in text:
        check_url(text)
        return text
    path = here(text)
    try:
        launcher.check_named(path, most=_MANIFEST_BYTES)
    except OSError as error:
        raise UsageError(
            f"the manifest {text} cannot be read: {error.strerror}", hint="see --manifest FILE"
        ) from None
    return path


def _names_many(url: str) -> bool:
    """Tell whether an address is a source by itself: a prefix in a store, or one of a package."""
    return bool(_kind(url.strip()))


def _kind(url: str) -> str:
    """Return the kind of source that an address is of, empty where it is that of one file."""
    if is_store(url):
        address = split_store(url)
        if address.names_many and not address.is_sound:
            raise UsageError(f"'{redact_url(url)}' names no bucket")
        return "store" if address.names_many else ""
    if url.startswith(("http:", "https:")) or "://" not in url:
        return ""
    # Looks for packages that add a scheme.
    from core.sources.registry import SourceRegistry  # noqa: PLC0415

    return SourceRegistry().kind_of(url) or ""
