"""Ways to log in are read from any text in linear time, and Digest is reckoned as the RFC does."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.login import basic, read_basic
from core.policy.transfer.challenges import (
    Digest,
    SentLogin,
    answer,
    next_nonce,
    parse_challenges,
    read_offer,
    refusal,
)

MUFASA = ("Mufasa", "Circle of Life")
RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
    ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
JASON = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256,'
    ' nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",'
    ' opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
)


def digest_of(*fields: str) -> Digest:
    found = read_offer(fields).digest
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_rfc(algorithm: str, response: str) -> None:
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    asked = digest_of(RFC7616.format(algorithm))
    said = answer(asked, MUFASA, uri="/dir/index.html", count=1, cnonce=cnonce)
    assert f'response="{response}"' in said
    assert 'username="Mufasa"' in said
    assert "qop=auth, nc=00000001" in said
    assert "Circle" not in said


def test_a_name_that_is_not_ascii_is_hashed_where_the_server_asks_for_that() -> None:
    said = answer(
        digest_of(JASON),
        ("Jäsøn Doe", "Secret, or not?"),
        uri="/doe.json",
        count=1,
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
    )
    assert 'username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"' in said
    assert "userhash=true" in said


def test_a_name_that_is_not_ascii_goes_encoded_where_the_server_says_utf_8() -> None:
    asked = digest_of(JASON.replace(", userhash=true", ""))
    assert "username*=UTF-8''J%C3%A4s%C3%B8n" in answer(
        asked, ("Jäsøn", "x"), uri="/", count=1, cnonce="c"
    )


def test_the_strongest_of_several_is_taken() -> None:
    fields = ['Basic realm="a"', f"{RFC7616.format('MD5')}, {RFC7616.format('SHA-256')}"]
    assert digest_of(*fields).algorithm == "SHA-256"
    assert digest_of(*reversed(fields)).algorithm == "SHA-256"


@pytest.mark.parametrize(
    ("field", "schemes"),
    [
        ("", []),
        ("Basic", ["basic"]),
        ("Basic , Digest nonce=x", ["basic", "digest"]),
        ('Negotiate abc==, Digest realm="Basic realm=x, y", nonce="n"', ["negotiate", "digest"]),
        ('Digest realm="never ended, Basic', ["digest"]),
        ("=,=,= Basic realm", ["basic", "realm"]),
    ],
)
def test_several_challenges_stand_in_one_field(field: str, schemes: list[str]) -> None:
    found = [challenge.scheme for challenge in parse_challenges([field])]
    assert [scheme for scheme in found if scheme != "abc"] == schemes


def test_a_quoted_value_is_read_and_written_the_same() -> None:
    asked = digest_of('Digest realm="a\\"b\\\\c, d=e", nonce="n"')
    assert asked.realm == 'a"b\\c, d=e'
    assert 'realm="a\\"b\\\\c, d=e"' in answer(asked, MUFASA, uri="/", count=1, cnonce="c")


@pytest.mark.parametrize(
    "field",
    [
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce=""',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="a\x01b"',
        'Digest realm="\ud800", nonce="n"',
        'Digest realm="r", nonce="n", algorithm=SHA-999, Basic realm="r"',
    ],
)
def test_what_cannot_be_answered_is_not_and_no_password_is_shown_instead(field: str) -> None:
    offer = read_offer([field])
    assert offer.digest is None
    assert not offer.clear
    assert "cannot do" in refusal(field, SentLogin.PASSWORD)[0]


@pytest.mark.parametrize("user", ["me", "j\u00e4", "", "x y"])
def test_a_login_is_read_as_it_was_written(user: str) -> None:
    assert read_basic(basic(user, "p:\u00e4\n")) == (user, "p:\u00e4\n")


@pytest.mark.parametrize("value", ["", "Basic", "Basic ?", "Basic eA==", "Basic /w==", "Bearer t"])
def test_what_is_no_login_is_left_alone(value: str) -> None:
    assert read_basic(value) is None
    assert read_basic(basic("a\nb", "p")) is None


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_can_be_read_and_every_digest_answered(fields: list[str]) -> None:
    for prefix in ("", 'Digest realm="r", nonce="n", '):
        offer = read_offer([prefix + field for field in fields])
        assert offer.realm.isprintable()
        if offer.digest is not None:
            said = answer(offer.digest, MUFASA, uri="/", count=1, cnonce="c")
            assert not set(said.encode("utf-8", "surrogateescape")) & {0, 10, 13}
    next_nonce("".join(fields))


@pytest.mark.parametrize("piece", ['"', "\\", '"\\', "a ", "a=", " ", ",", '="', "Digest a=b,"])
def test_a_field_without_end_costs_no_more_than_a_long_one(piece: str) -> None:
    # The time of this process alone: what else runs on the machine is no fault of the function.
    began = time.process_time()
    read_offer([piece * 1_000_000] * 1_000)
    assert time.process_time() - began < 10.0


def test_a_refusal_never_asks_for_what_was_given() -> None:
    field = f'Basic realm="{"x" * 100}\x1b[31m"'
    message, hint = refusal(field, SentLogin.PASSWORD)
    assert f'for "{"x" * 60}"' in message
    for login in (SentLogin.PASSWORD, SentLogin.TOKEN, SentLogin.ELSEWHERE):
        assert "give credentials" not in " ".join(refusal(field, login))
    assert "give credentials" in refusal(field, SentLogin.NONE)[1]
    assert "this host" in refusal(field, SentLogin.ELSEWHERE)[1]
    assert hint
