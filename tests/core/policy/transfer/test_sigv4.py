"""Signed addresses are those that Amazon's own examples and library come to."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from core.policy.transfer.sigv4 import AwsCredentials, presign, quote_key

EXAMPLE = AwsCredentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
AT = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_example_of_the_specification() -> None:
    url = presign(
        "https://examplebucket.s3.amazonaws.com/test.txt",
        EXAMPLE,
        region="us-east-1",
        at=AT,
        seconds=86400,
    )
    assert parse_qs(urlsplit(url).query)["X-Amz-Signature"] == [
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    ]


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    token=st.none() | st.text("abc/+=", min_size=1),
    version=st.none() | st.text("abc/+=&?", min_size=1),
    host=st.sampled_from(["bucket.s3.eu-west-1.amazonaws.com", "lab:9000", "lab:443", "lab:80"]),
)
def test_it_signs_as_amazons_own_library_does(
    key: str, token: str | None, version: str | None, host: str
) -> None:
    url = f"https://{host}/{quote_key(key)}"
    query = {} if version is None else {"versionId": version}
    ours = presign(
        url,
        AwsCredentials("AKID", "secret", token),
        region="eu-west-1",
        at=datetime.now(UTC),
        seconds=600,
        query=query,
        headers={"x-amz-checksum-mode": "ENABLED"},
    )
    said = parse_qs(urlsplit(ours).query)
    request = AWSRequest("GET", url, params=query, headers={"x-amz-checksum-mode": "ENABLED"})
    signer = S3SigV4QueryAuth(Credentials("AKID", "secret", token), "s3", "eu-west-1", expires=600)
    request.context["timestamp"] = said["X-Amz-Date"][0]
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert said["X-Amz-Signature"] == [signature]


def test_credentials_show_no_secret() -> None:
    assert "wJalr" not in f"{EXAMPLE!r} {EXAMPLE}"
    assert "AKIA" not in f"{EXAMPLE!r} {EXAMPLE}"
