"""A real S3 server (moto's) in a process of its own, and a door before it that looks at signatures.

moto takes everybody in; the door does as Amazon does: it lets pass who is signed for, and in time,
or whom the bucket lets in without. It keeps what it was asked, and can spoil an answer.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

from core.policy.transfer.sigv4 import AwsCredentials, presign

KEYS = AwsCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
REGION = "us-east-1"


_ANYBODY = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, Signature=0"
"""What moto wants to see of who puts something, and does not look into."""


class Moto:
    """The server; objects are put into it over HTTP, by keys as they are."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request by its path as it stands, and return status, fields and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            fields = {"Authorization": _ANYBODY, **(headers or {})}
            connection.request(method, path, body=body, headers=fields)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read()
        finally:
            connection.close()

    def bucket(self, name: str) -> str:
        """Make a bucket and return its name."""
        status, _, body = self.ask("PUT", f"/{name}")
        assert status == 200, body
        return name

    def put(
        self, bucket: str, key: str, body: bytes, *, digest: bool = False, public: bool = False
    ) -> str:
        """Put an object and return its ETag; with `digest` the server keeps its SHA-256."""
        fields = {"x-amz-acl": "public-read"} if public else {}
        if digest:
            sha256 = base64.b64encode(hashlib.sha256(body).digest()).decode()
            fields |= {"x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": sha256}
        status, answered, text = self.ask("PUT", f"/{bucket}/{quote(key)}", body, fields)
        assert status == 200, text
        return answered["etag"]

    def put_in_parts(self, bucket: str, key: str, parts: list[bytes]) -> str:
        """Put an object in parts, whose ETag is no MD5, and return that."""
        path = f"/{bucket}/{quote(key)}"
        fields = {"x-amz-checksum-algorithm": "SHA256"}
        _, _, begun = self.ask("POST", f"{path}?uploads", headers=fields)
        upload = re.findall(rb"<UploadId>(.*?)</UploadId>", begun)[0].decode()
        listed = ""
        for number, part in enumerate(parts, start=1):
            query = f"{path}?partNumber={number}&uploadId={upload}"
            _, answered, _ = self.ask("PUT", query, part)
            etag = answered["etag"]
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        status, _, text = self.ask("POST", f"{path}?uploadId={upload}", document)
        assert status == 200, text
        return re.findall(rb"<ETag>(.*?)</ETag>", text)[0].decode().replace("&quot;", '"')


@contextmanager
def moto() -> Iterator[Moto]:
    """Run the server while the block lasts."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError("moto did not start")
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield Moto(int(found[1]))
    finally:
        process.kill()
        process.wait()
        drain.join()
        process.stderr.close()


@dataclass(frozen=True)
class Asked:
    """A request as the door saw it, and what it was answered."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int

    @property
    def is_signed(self) -> bool:
        return "X-Amz-Signature" in self.query

    @property
    def is_listing(self) -> bool:
        return "list-type" in self.query


@dataclass
class Door:
    """What the door does: who may pass, and what it does to answers; `requests` is what came.

    `cut` gets each request and returns after how many bytes of its body the connection breaks.
    `before` is called before a request is passed on, `answer` may answer in the server's place,
    `spoil` changes the server's bytes, `refuses` turns away who may pass otherwise. `keys` are
    those that it knows.
    """

    server: Moto
    public: set[str] = field(default_factory=set)
    requests: list[Asked] = field(default_factory=list)
    cut: Callable[[Asked], int | None] = lambda _: None
    before: Callable[[Asked], None] = lambda _: None
    answer: Callable[[Asked], bytes | None] = lambda _: None
    spoil: Callable[[bytes], bytes] = lambda body: body
    refuses: Callable[[Asked], bool] = lambda _: False
    keys: AwsCredentials = KEYS
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gets(self) -> list[Asked]:
        """Those that asked for an object."""
        return [asked for asked in self.requests if not asked.is_listing]

    def judge(self, target: str, headers: Mapping[str, str]) -> int:
        """Return with which status a request is turned away, 200 where it may pass."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = query.pop("X-Amz-Signature", None)
        bucket = parts.path.split("/")[1]
        if signature is None:
            return 200 if bucket in self.public else 403
        begun = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
        seconds = int(query["X-Amz-Expires"])
        age = (datetime.now(UTC) - begun).total_seconds()
        names = query["X-Amz-SignedHeaders"].split(";")
        unsigned = {name for name in headers if name.startswith("x-amz-")} - set(names)
        own = {name: text for name, text in query.items() if not name.startswith("X-Amz-")}
        expected = presign(
            f"http://{headers['host']}{parts.path}",
            self.keys,
            region=REGION,
            at=begun,
            seconds=seconds,
            query=own,
            headers={name: headers.get(name, "") for name in names if name != "host"},
        )
        is_right = expected.endswith(f"X-Amz-Signature={signature}")
        return 200 if is_right and not unsigned and age <= seconds else 403


@contextmanager
def door(server: Moto) -> Iterator[Door]:
    """Open a door before the server while the block lasts."""
    state = Door(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            state.before(Asked(parts.path, query, headers, 0))
            status = state.judge(self.path, headers)
            asked = Asked(parts.path, query, headers, status)
            if state.refuses(asked):
                status = 403
            body, fields = b"<Error><Code>AccessDenied</Code></Error>", {}
            if status == 200:
                ours = state.answer(asked)
                if ours is not None:
                    body, fields = ours, {"content-type": "application/xml"}
                else:
                    kept = {k: v for k, v in headers.items() if k not in ("host", "connection")}
                    status, fields, body = state.server.ask("GET", self.path, headers=kept)
                    body = state.spoil(body)
            state.requests.append(Asked(parts.path, query, headers, status))
            self.send_response_only(status)
            for name, value in fields.items():
                if name not in ("connection", "content-length", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if (most := state.cut(asked)) is not None and most < len(body):
                body = body[:most]
                self.close_connection = True
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Pass over clients that have gone."""

    listening = Server(("127.0.0.1", 0), Handler)
    state.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
