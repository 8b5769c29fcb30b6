"""Addresses of object stores: the key stands in them as it is, and nothing secret does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.checks import check_store_options, check_url
from core.domain.errors import UsageError
from core.domain.hosts import host_of, site_of
from core.domain.redact import redact_text, redact_url
from core.domain.stores import endpoint_of, is_store, split_store
from core.policy.transfer.filename import suggest

KEYS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)


@given(key=KEYS.filter(lambda key: not key.endswith("/")))
def test_any_key_is_an_address_and_is_shown_as_it_is(key: str) -> None:
    url = f"s3://bucket/{key}"
    try:
        check_url(url)
    except UsageError as error:
        assert "signature" in error.message  # noqa: PT017 (few keys look like one)
        return
    address = split_store(url)
    assert (address.bucket, address.key) == ("bucket", key)
    assert redact_url(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://bucket/prefix/", "is no single file"),
        ("gs://bucket", "is no single file"),
        ("s3://a/key", "no bucket"),
        ("s3:///key", "no bucket"),
        ("az://user:secret@bucket/key", "no bucket"),
        ("s3://bucket/a\nb", "control character"),
        ("s3://bucket/\udcff", "not UTF-8"),
        ("az://box/key?sv=1&sig=secret", "signature"),
        ("s3://bucket/key?X-Amz-Signature=secret&x=1", "signature"),
        ("s3://bucket/" + "k" * 9000, "too long"),
    ],
)
def test_what_is_no_object_is_refused_without_its_secrets(url: str, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_url(url)
    assert reason in raised.value.message
    assert "secret" not in raised.value.message + raised.value.hint


def test_a_prefix_is_pointed_to_collections() -> None:
    with pytest.raises(UsageError) as raised:
        check_url("s3://bucket/a set/")
    assert raised.value.hint.startswith("winch add --collection NAME 's3://bucket/a set/'")


def test_what_is_shown_holds_no_login_and_no_signature() -> None:
    assert redact_url("s3://key:secret@bucket/a") == "s3://bucket/a"
    assert redact_url("az://box/a?b?sv=1&sig=secret") == "az://box/a?b?…"
    assert redact_text("see s3://key:secret@bucket/a#b now") == "see s3://bucket/a#b now"


def test_the_bucket_counts_as_its_host() -> None:
    assert site_of("s3://openneuro.org/ds1/a") == host_of("s3://openneuro.org/ds1/a")
    assert site_of("gs://bucket/a@b:80/c") == "bucket"


def test_where_a_store_is_can_be_told_without_asking() -> None:
    environment = {"AWS_ENDPOINT_URL": "http://lab:9000"}
    given = {"endpoint_url": "http://here:1"}
    assert endpoint_of("s3://bucket/a", given, environment) == "http://here:1"
    assert endpoint_of("s3://bucket/a", {}, environment) == "http://lab:9000"
    assert endpoint_of("s3://bucket/a", {}, {}) == "https://s3.amazonaws.com"
    assert endpoint_of("gs://bucket/a", {}, environment) == "https://storage.googleapis.com"


def test_the_name_is_the_last_part_of_the_key() -> None:
    assert suggest(disposition=None, url="s3://bucket/set/100%41?#.txt") == "100%41?#.txt"
    assert suggest(disposition=None, url="s3://bucket/..") != ".."


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "s3://bucket/key"},
        {"endpoint_url": "http://user:secret@host/"},
        {"endpoint_url": "http://host/?token=secret"},
        {"endpoint_url": "file"},
        {"region": "eu/../x"},
        {"region": "x.evil.example"},
        {"profile": "a\nb"},
        {"anonymous": "yes"},
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        check_store_options(options)
    assert "secret" not in raised.value.message


def test_options_that_can_be_meant() -> None:
    check_store_options({})
    check_store_options({"endpoint_url": "http://127.0.0.1:9000/", "region": "eu-west-1"})
    check_store_options({"profile": "AdministratorAccess-1234", "anonymous": "true"})


def test_only_three_schemes_are_stores() -> None:
    assert is_store("gs://bucket/a")
    assert not is_store("https://bucket/a")
    assert not is_store("s3:/bucket")
