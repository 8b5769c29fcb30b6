"""The options of what hands over downloads: `get` and `add`, in the shell and after `:`."""

from __future__ import annotations

import argparse

from core.domain.models import Conflict
from tui.input.command_table import as_json, count, positive

_FORMATS = ("plain", "aria2", "csv", "tsv", "jsonl", "sums", "bagit", "metalink")


def request(parser: argparse.ArgumentParser) -> None:
    """Declare what is downloaded, where to, and how."""
    add = parser.add_argument
    add(
        "urls",
        nargs="*",
        metavar="URL",
        help="what to download: http, https, and with winch[s3] s3, gs, az",
    )
    add("-d", "--directory", metavar="DIR", help="where the file goes (default: the setting)")
    add("-o", "--output", metavar="NAME", help="the file's name; with one URL only")
    add(
        "-i",
        "--input",
        metavar="FILE",
        help="read a list: URLs, aria2's input, CSV or TSV with a header (url, path, size,"
        " checksum, priority, mirrors), JSON Lines; - is stdin. What is wrong with a line is said,"
        " and stops no other",
    )
    add(
        "--format",
        metavar="F",
        choices=_FORMATS,
        help="how it is written, where its content leaves that open: plain, aria2, csv, tsv or"
        " jsonl; a manifest sums, bagit or metalink",
    )
    add("--base", metavar="URL", help="where relative addresses in a list or a manifest begin")
    add("--checksum", metavar="ALG:HEX", help="what the whole file must have; with one URL only")
    add(
        "--conflict",
        metavar="RULE",
        choices=[rule.value for rule in Conflict],
        help="if the file exists: rename, skip, overwrite or fail (default: the setting)",
    )
    add("--retries", metavar="N", type=count, help="how often to try again (default: the setting)")
    add("--no-restart", action="store_true", help="fail where a file cannot be continued")
    add(
        "--wait-for-host",
        action="store_true",
        help="wait where no host has this name, instead of failing within 30 s",
    )
    add("-x", "--connections", metavar="N", type=positive, help="at most so many at once")
    add("--limit", metavar="RATE", help="bytes per second, such as 500k; off for none")
    add(
        "--mirror",
        metavar="URL",
        action="append",
        default=[],
        help="where the same file is too; may be given again; with one URL only",
    )
    add("--header", metavar="'K: V'", action="append", default=[], help="send this header as well")
    add("--cookies", metavar="FILE", help="send the cookies of a cookies.txt (Netscape format)")
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--user", metavar="USER[:PASSWORD]", help="log in, by Digest or Basic; asks for PASSWORD"
    )
    who.add_argument("--bearer", metavar="TOKEN", help="log in with a token")
    _store(parser)
    as_json(parser)


def _store(parser: argparse.ArgumentParser) -> None:
    """Declare how to get at object stores; what is left out is as for their other tools."""
    add = parser.add_argument
    add("--profile", metavar="P", help="of the credentials for s3: addresses")
    add("--anonymous", action="store_true", help="a public bucket: nothing is signed")
    add("--endpoint-url", metavar="URL", help="a store that speaks S3, such as MinIO")
    add("--region", metavar="R", help="of the bucket")


def collection(parser: argparse.ArgumentParser) -> None:
    """Declare what makes of many files one thing."""
    add = parser.add_argument
    add(
        "--collection",
        metavar="NAME",
        help="make of all of them one thing, in a directory of its name unless -d says where; a"
        " source such as --manifest, -r or s3://BUCKET/PREFIX/ makes one even without, and it is"
        " called after that",
    )
    add("--together", action="store_true", help="all of them or none: the last one gives the name")
    add(
        "--manifest",
        metavar="FILE|URL",
        help="what is listed there: SHA256SUMS and its kin, BagIt, Metalink",
    )
    add("-r", "--recursive", metavar="URL", help="what an open index page leads to, below it only")
    add("--depth", metavar="N", type=count, help="with -r: at most so many directories deep")
    for name, what in (("include", "only these files"), ("exclude", "not these files")):
        add(
            f"--{name}",
            metavar="GLOB",
            action="append",
            default=[],
            help=f"{what}: '*.csv', 'sub-*/**'; may be given again",
        )
