"""A pasted curl command: what is taken over, what is left out and said, what is refused."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.domain.login import basic
from core.domain.models import DownloadRequest
from tests.core.adapters.records import a_download
from tui.input.curl import Curl, curl_command, is_curl, parse_curl
from tui.input.shell import read_command


def read(text: str) -> Curl:
    curl, _ = parse_curl(text)
    assert isinstance(curl, Curl), curl
    return curl


def refusal(text: str) -> str:
    error, _ = parse_curl(text)
    assert isinstance(error, UsageError), error
    return f"{error.message} {error.hint}"


def test_a_command_from_a_browser_gives_its_address_headers_and_cookies() -> None:
    curl = read(
        "curl 'https://h/a.iso?x=1&y=2' \\\n"
        "  -H 'accept: */*' \\\n"
        '  --header "X-Say: \\"hi\\"" \\\n'
        "  -b 'session=s3cret; theme=dark' -A 'Mozilla/5.0' -e https://h/page \\\n"
        "  --compressed -L -sS"
    )
    assert curl.urls == (("https://h/a.iso?x=1&y=2", None),)
    assert curl.headers == {
        "accept": "*/*",
        "X-Say": '"hi"',
        "User-Agent": "Mozilla/5.0",
        "Referer": "https://h/page",
        "Cookie": "session=s3cret; theme=dark",
    }
    assert curl.left_out == ()
    assert "s3cret" not in curl.summary()
    assert curl.summary() == "curl: 4 headers and 2 cookies taken over"


def test_names_belong_to_their_urls_and_clusters_are_read() -> None:
    curl = read("curl -sSLo one.iso https://h/1 -o two.iso --url https://h/2 https://h/3")
    assert curl.urls == (
        ("https://h/1", "one.iso"),
        ("https://h/2", "two.iso"),
        ("https://h/3", None),
    )


def test_a_login_is_a_header_and_cookies_from_two_places_are_one() -> None:
    curl = read("curl -u me:pa:ss -H 'Cookie: a=1' --cookie b=2 https://h/")
    assert curl.headers == {"Authorization": "Basic bWU6cGE6c3M=", "Cookie": "a=1; b=2"}


def test_dollar_quotes_and_an_emptied_header_are_understood() -> None:
    curl = read(r"curl $'https://h/it\'s\u0021' -H $'X: a\x41' -H 'Empty;' -H 'Accept:'")
    assert curl.urls[0][0] == "https://h/it's!"
    assert curl.headers == {"X": "aA", "Empty": ""}


def test_what_cannot_be_used_is_named_without_its_value() -> None:
    curl = read(
        "curl https://h/ -k -x http://u:hunter2@proxy -H 'Range: bytes=5-' -H 'If-None-Match: x'"
        " -b jar.txt --max-time 5 -m 5 -o sub/n --wonder"
    )
    assert curl.urls == (("https://h/", "n"),)
    assert curl.headers == {}
    assert curl.left_out == (
        "--insecure",
        "--proxy",
        "Range",
        "If-None-Match",
        "cookies from a file",
        "--max-time",
        "-m",
        "the directory of -o",
        "--wonder",
    )
    assert "hunter2" not in curl.summary()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("curl https://h/ -d a=hunter2", "POST"),
        ("curl https://h/ --data-raw 'hunter2'", "POST"),
        ("curl https://h/ --data-binary @hunter2", "POST"),
        ("curl https://h/ --json '{}'", "POST"),
        ("curl https://h/ -F a=b", "POST"),
        ("curl -X DELETE https://h/", "DELETE"),
        ("curl -I https://h/", "HEAD"),
        ("curl -H 'a: b'", "no URL"),
        ("curl", "no URL"),
        ("curl 'https://h/", "quote is not closed"),
        ('curl https://h/$HUNTER -H "a: hunter2"', "shell"),
        ("curl https://h/`cat hunter2`", "shell"),
        ("curl https://h/?a=1&b=2", "quotes"),
        ("curl -u hunter2 https://h/", "no password"),
        ("curl -H hunter2 https://h/", "no header"),
        ("curl -H 'hunter2 x: y' https://h/", "no valid name"),
        ("curl -H $'A: hunter2\\r\\nB: c' https://h/", "control"),
        ("curl https://h/ -H", "no value"),
        ("curl https://h/ -o ..", "safe file name"),
        ("curl https://h/ --next https://g/", "more than"),
    ],
)
def test_what_is_no_plain_download_is_refused_without_a_secret(command: str, words: str) -> None:
    said = refusal(command)
    assert words in said
    assert "hunter2" not in said


def test_a_command_ends_with_its_line_unless_that_goes_on() -> None:
    text = "curl https://h/1 \\\n -H 'a:\nb' &\ncurl https://h/2"
    _, end = parse_curl(text)
    assert text[end:] == "&\ncurl https://h/2"


def test_only_a_command_is_taken_for_one() -> None:
    assert is_curl("curl https://h/")
    assert is_curl("  $ curl -O https://h/")
    assert not is_curl("curly https://h/")
    assert not is_curl("https://h/curl x")


_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("é\n\t"))


@given(st.lists(_TEXT, min_size=1, max_size=4))
def test_single_quotes_keep_everything(texts: list[str]) -> None:
    quoted = " ".join("'" + text.replace("'", "'\\''") + "'" for text in texts)
    command = read_command(quoted)
    assert command.words == tuple(texts)
    assert command.trouble is None


@given(st.text("ab'\"\\$ \n`!u0041x{;&|", max_size=20))
def test_any_text_is_read_to_an_end(text: str) -> None:
    command = read_command(text)
    assert 0 <= command.end <= len(text)


@pytest.mark.parametrize(
    "line",
    [
        r"""a'b'"c"\d""",
        r"""$'a\tb\x41\101\'\\' "a\"b\\c\d" 'a\b'""",
        'a\\\nb "c\\\nd" e f#g',
        r"""'' "" a""",
        "$'\\u00e9' a$ \"$\"",
    ],
)
def test_words_are_those_that_bash_sees(line: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    script = f"printf '%s\\0' {line}"
    seen = subprocess.run([bash, "-c", script], capture_output=True, check=True).stdout
    assert read_command(line).words == tuple(seen.decode().split("\0")[:-1])


def test_curl_logs_in_as_the_server_asks_and_not_before() -> None:
    request = DownloadRequest(
        url="http://h/a", directory="/d", headers={"authorization": basic("me", "p:w d")}
    )
    command = curl_command(a_download(name="a", request=request))
    assert command == "curl -fgL -o a --anyauth -u 'me:p:w d' -- http://h/a"


def test_a_token_goes_along_as_it_is() -> None:
    headers = {"Authorization": "Bearer t"}
    request = DownloadRequest(url="http://h/a", directory="/d", headers=headers)
    assert "-H 'Authorization: Bearer t'" in curl_command(a_download(name="a", request=request))
