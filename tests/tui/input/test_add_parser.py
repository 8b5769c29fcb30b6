"""From lines to what is added: comments, lists, curl commands, repetitions and what is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.domain.models import Checksum, DownloadRequest, Status
from tests.tui.samples import HOSTILE, sample
from tui.input.add_parser import MOST, list_names, pasted_urls
from tui.input.add_validation import (
    AddForm,
    AddValidation,
    ValidationResult,
    validate_fields,
)
from tui.input.disk import Disk

SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def examine(
    urls: str, *downloads: object, lists: object = (), **fields: object
) -> ValidationResult:
    form = AddForm(**({"urls": urls, "directory": "/data"} | fields))  # type: ignore[arg-type]
    validation = AddValidation(form, dict(lists), downloads, Disk("/base"))  # type: ignore[call-overload, arg-type]
    for _ in validation.steps():
        pass
    return validation.result


def said(result: ValidationResult) -> list[str]:
    return [f"{remark.where}: {remark.text}" for remark in result.remarks]


def test_lines_are_read_as_a_list_is() -> None:
    result = examine("# mine\n\n  https://h/1  \n#x\nhttps://h/2\n")
    assert [item.url for item in result.wanted] == ["https://h/1", "https://h/2"]
    assert result.is_right
    assert result.outlook == "Adds 2 downloads."


def test_an_object_is_named_by_its_key_as_it_is() -> None:
    result = examine("s3://bucket/a b%41.txt\ngs://bucket/c\ns3://bucket/prefix/")
    assert [item.url for item in result.wanted] == ["s3://bucket/a b%41.txt", "gs://bucket/c"]
    assert said(result)[0].startswith("line 3: 's3://bucket/prefix/' is no single file")
    assert pasted_urls("see s3://bucket/key, and https://h/1.") == [
        "s3://bucket/key",
        "https://h/1",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ftp://h/x", "does not fetch ftp"),
        ("magnet:?xt=urn:btih:abc", "does not fetch magnet"),
        ("nonsense", "not a URL"),
        ("https://", "names no host"),
        ("https://h/a b", "not a URL (one URL on a line)"),
        ("https://h:port/", "not a URL"),
        ("https://h/\N{REPLACEMENT CHARACTER}", "cannot stand in a URL"),
        ("curl -d x https://h/", "POST"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_holds_everything_up(line: str, words: str) -> None:
    result = examine(f"https://h/1\n\n{line}\nhttps://h/2")
    assert said(result)[0].startswith("line 3: ")
    assert words in said(result)[0]
    assert not result.is_right
    assert result.outlook == "Correct 1 line first."


def test_what_is_no_url_may_be_a_secret_and_is_not_repeated() -> None:
    result = examine("-H 'Authorization: Bearer hunter2'\nftp://u:hunter2@h/?token=hunter2")
    assert len(result.remarks) == 2
    assert "hunter2" not in str(said(result))


def test_a_repeated_line_is_said_and_added_once() -> None:
    result = examine("https://h/1\nhttps://h/2\nhttps://h/1")
    assert said(result) == ["line 3: repeats line 1"]
    assert len(result.requests()) == 2
    assert result.count == "2 URLs, 1 repeated"


def test_curl_commands_stand_among_lines_and_keep_their_headers_to_themselves() -> None:
    result = examine(
        "https://h/0\ncurl https://h/1 \\\n -H 'A: b' &\ncurl https://h/2 -o n ; curl https://h/3"
        " | less\nftp://x/"
    )
    assert [(r.url, r.name, dict(r.headers)) for r in result.requests()] == [
        ("https://h/0", None, {}),
        ("https://h/1", None, {"A": "b"}),
        ("https://h/2", "n", {}),
        ("https://h/3", None, {}),
    ]
    assert said(result)[0].startswith("line 5: ")
    assert "line 4: left out what follows the command, from '|' on" in said(result)


def test_a_list_is_read_in_its_place_and_its_mistakes_are_named_by_its_lines() -> None:
    assert list_names("@ urls.txt\n~/x\n./y\n../z\n/w\nhttps://h/\n//") == [
        "urls.txt",
        "~/x",
        "./y",
        "../z",
        "/w",
        "//",
    ]
    lists = {"/d/urls.txt": "# mine\nhttps://h/1\nhttps://h/2\nhttps://h/0"}
    result = examine("https://h/0\n@/d/urls.txt", lists=lists)
    assert [item.url for item in result.wanted] == [f"https://h/{n}" for n in range(3)]
    assert said(result) == ["urls.txt line 4: repeats line 1", "line 2: 2 URLs from urls.txt"]
    assert examine("/d/urls.txt", lists={"/d/urls.txt": "\n\nnonsense"}).remarks[0].where == (
        "urls.txt line 3"
    )
    wrong = examine("/d/urls.txt", lists={"/d/urls.txt": UsageError("no such file")})
    assert said(wrong) == ["line 1: no such file"]


def test_there_is_a_bound() -> None:
    result = examine("@x", lists={"x": "\n".join(f"http://h/{n}" for n in range(MOST + 100))})
    assert not result.is_right
    assert "more than 50,000 URLs" in said(result)[0]
    assert len(result.wanted) == MOST + 1


@pytest.mark.parametrize(
    ("status", "paused", "words"),
    [
        (Status.PAUSED, False, "already in the list, paused: adding lets it go on"),
        (Status.PAUSED, True, "already in the list, paused: adding leaves it so"),
        (Status.FAILED, False, "already in the list, failed: adding lets it go on"),
        (Status.PENDING, False, "already in the list, queued: nothing new is added"),
        (Status.ACTIVE, False, "already in the list, active: nothing new is added"),
        (Status.COMPLETED, False, "downloaded already: adding fetches it again"),
    ],
)
def test_what_the_list_has_is_said_with_its_state(status: Status, paused: bool, words: str) -> None:
    known = sample(1, status=status)
    result = examine("https://example.org/1\nhttps://example.org/9", known, paused=paused)
    assert said(result) == [f"line 1: {words}"]
    assert result.known == {known.id}
    assert result.is_right


def test_the_same_target_matters_more_than_another() -> None:
    url = "https://example.org/1"
    elsewhere = sample(
        1, request=DownloadRequest(url=url, directory="/other"), status=Status.FAILED
    )
    here = sample(2, request=DownloadRequest(url=url, directory="/data"), status=Status.PAUSED)
    assert "failed: /other/file-1.iso" in said(examine(url, elsewhere))[0]
    for order in ((here, elsewhere), (elsewhere, here)):
        assert "already in the list, paused" in said(examine(url, *order))[0]
    assert "in the list too, paused: /data/file-2.iso" in said(examine(url, here, name="new"))[0]


def test_what_is_complete_is_known_without_the_secrets_in_its_address() -> None:
    request = DownloadRequest(url="https://h/x?token=…", directory="/data")
    known = sample(1, request=request, status=Status.COMPLETED)
    assert "downloaded already" in said(examine("https://u:p@h/x?token=new", known))[0]


def test_the_fields_arrive_in_every_request() -> None:
    result = examine(
        "https://h/1",
        directory="sub",
        name="n",
        checksum=f"sha1:{SHA1}",
        connections="4",
        limit="500k",
        priority="-2",
        group="set",
        paused=True,
    )
    assert result.requests() == [
        DownloadRequest(
            url="https://h/1",
            directory="/base/sub",
            name="n",
            checksum=Checksum("sha1", SHA1),
            connections=4,
            limit=512_000,
            priority=-2,
            group="set",
            paused=True,
        )
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a/b"),
        ("name", ".."),
        ("checksum", "sha1:12"),
        ("checksum", "crc:12"),
        ("connections", "33"),
        ("connections", "many"),
        ("limit", "fast"),
        ("limit", "0"),
        ("priority", "1.5"),
        ("priority", "9" * 30),
        ("directory", " "),
    ],
)
def test_a_field_that_cannot_be_meant_is_wrong_by_its_name(field: str, value: str) -> None:
    result = examine("https://h/1", **{field: value})
    assert list(result.wrong) == [field]
    assert not result.is_right


@pytest.mark.parametrize("field", ["name", "checksum"])
def test_what_fits_one_url_is_wrong_for_several(field: str) -> None:
    form = AddForm(directory="/d", **{field: "n" if field == "name" else f"sha1:{SHA1}"})  # type: ignore[arg-type]
    assert validate_fields(form, 1)[1] == {}
    assert validate_fields(form, 2)[1] == {field: "fits one URL, but there are 2"}


@given(st.lists(st.sampled_from([*HOSTILE, "https://h/", "curl 'x", "@a", "/"]) | st.text()))
def test_no_text_breaks_it_and_no_address_is_asked_for_twice(lines: list[str]) -> None:
    result = examine("\n".join(lines))
    urls = [item.url for item in result.wanted]
    assert len(urls) == len(set(urls))
