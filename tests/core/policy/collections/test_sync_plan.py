"""What a second reading of a source means for a member, whatever is known of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import (
    Checksum,
    DownloadRecord,
    DownloadRequest,
    FileStamp,
    Status,
    Validator,
)
from core.domain.origins import Origin, SourceVersion
from core.domain.value import replace
from core.policy.collections.sync_plan import (
    Answer,
    FileState,
    Finding,
    Found,
    Need,
    algorithm_for,
    answer_of,
    brought_up_to_date,
    judge,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
URL = "http://host/a.bin"
RIGHT, WRONG = Checksum("sha256", "aa" * 32), Checksum("sha256", "bb" * 32)
OTHER_KIND = Checksum("md5", "cc" * 16)
LEFT = FileStamp(uid=1000, modified=1_000_000)
AS_LEFT = FileState(size=10, stamp=LEFT)
TOUCHED = FileState(size=10, stamp=FileStamp(uid=1000, modified=2_000_000))
LONGER = FileState(size=11, stamp=FileStamp(uid=1000, modified=2_000_000))
NO_FILE = FileState(size=None, stamp=LEFT)


def a_request(checksum: Checksum | None = None, **origin: object) -> DownloadRequest:
    return DownloadRequest(
        url=URL, directory="/files", name="a.bin", checksum=checksum, origin=Origin(**origin)
    )


def a_member(request: DownloadRequest | None = None, **fields: object) -> DownloadRecord:
    whole = DownloadRecord(
        id="1",
        request=request or a_request(),
        name="a.bin",
        order=1.0,
        created_at=AT,
        started_at=AT,
        status=Status.COMPLETED,
        total_bytes=10,
        left=LEFT,
    )
    return replace(whole, **fields)


def found(finding: Finding | Need) -> Found:
    assert isinstance(finding, Finding)
    return finding.found


class TestByDigest:
    def test_an_unchanged_one_takes_nothing(self) -> None:
        for member in (a_member(a_request(RIGHT)), a_member(digest=RIGHT)):
            assert judge(a_request(RIGHT), member, AS_LEFT) == Finding(found=Found.UNCHANGED)

    def test_another_one_is_a_change_though_all_else_is_the_same(self) -> None:
        assert found(judge(a_request(WRONG), a_member(a_request(RIGHT)), AS_LEFT)) is Found.CHANGED

    def test_the_same_one_goes_before_what_else_a_source_says(self) -> None:
        wanted = a_request(RIGHT, size=99, version=SourceVersion(etag='"2"'))
        member = a_member(a_request(RIGHT, version=SourceVersion(etag='"1"')))
        assert found(judge(wanted, member, AS_LEFT)) is Found.UNCHANGED

    @pytest.mark.parametrize("digest", [RIGHT, WRONG])
    def test_one_of_another_kind_has_the_file_hashed(self, digest: Checksum) -> None:
        wanted, member = a_request(RIGHT), a_member(a_request(OTHER_KIND))
        assert judge(wanted, member, AS_LEFT) is Need.DIGEST
        assert algorithm_for(wanted, member) == "sha256"
        finding = judge(wanted, member, AS_LEFT, digest=digest)
        assert found(finding) is (Found.UNCHANGED if digest == RIGHT else Found.CHANGED)

    def test_who_put_the_new_file_there_has_it_left_alone(self) -> None:
        wanted, member = a_request(WRONG), a_member(a_request(RIGHT))
        assert judge(wanted, member, LONGER) is Need.DIGEST
        assert found(judge(wanted, member, LONGER, digest=WRONG)) is Found.UNCHANGED
        finding = judge(wanted, member, LONGER, digest=OTHER_KIND)
        assert isinstance(finding, Finding)
        assert (finding.found, finding.is_own) == (Found.CHANGED, False)


class TestOnDisk:
    def test_what_is_gone_is_damaged_and_nobody_is_asked(self) -> None:
        for wanted in (a_request(), a_request(RIGHT)):
            assert found(judge(wanted, a_member(wanted), None)) is Found.DAMAGED

    def test_a_touched_file_is_hashed_before_it_is_called_damaged(self) -> None:
        wanted = a_request(RIGHT)
        assert judge(wanted, a_member(wanted), TOUCHED) is Need.DIGEST
        right = judge(wanted, a_member(wanted), TOUCHED, digest=RIGHT)
        assert right == Finding(found=Found.UNCHANGED, proved=RIGHT)
        wrong = judge(wanted, a_member(wanted), TOUCHED, digest=WRONG)
        assert isinstance(wrong, Finding)
        assert (wrong.found, wrong.is_own) == (Found.DAMAGED, False)

    def test_where_no_digest_is_known_a_touched_one_is_damaged(self) -> None:
        finding = judge(a_request(), a_member(), TOUCHED)
        assert isinstance(finding, Finding)
        assert (finding.found, finding.is_own) == (Found.DAMAGED, False)

    def test_a_digest_that_only_winch_knows_proves_it_before_the_server_is_asked(self) -> None:
        member = a_member(digest=RIGHT)
        assert judge(a_request(), member, TOUCHED) is Need.DIGEST
        assert judge(a_request(), member, TOUCHED, digest=RIGHT) is Need.ANSWER

    def test_what_a_verification_found_damaged_is(self) -> None:
        error = ErrorInfo(code=ErrorCode.CHECKSUM, message="sha256 is another one")
        member = a_member(a_request(RIGHT), error=error)
        assert judge(a_request(RIGHT), member, AS_LEFT) is Need.DIGEST
        assert found(judge(a_request(RIGHT), member, AS_LEFT, digest=WRONG)) is Found.DAMAGED
        assert found(judge(a_request(RIGHT), member, AS_LEFT, digest=RIGHT)) is Found.UNCHANGED
        assert found(judge(a_request(), a_member(error=error), AS_LEFT)) is Found.DAMAGED

    def test_what_is_no_file_is_not_hashed(self) -> None:
        wanted = a_request(RIGHT)
        assert found(judge(wanted, a_member(wanted), NO_FILE)) is Found.DAMAGED


class TestByVersion:
    def test_an_etag_of_the_source_takes_no_request(self) -> None:
        wanted = a_request(size=10, version=SourceVersion(etag='"1"', modified="2026-01-01"))
        assert found(judge(wanted, a_member(wanted), AS_LEFT)) is Found.UNCHANGED
        member = a_member(validator=Validator(etag='"1"'))
        assert found(judge(wanted, member, AS_LEFT)) is Found.UNCHANGED

    @pytest.mark.parametrize("name", ["etag", "version"])
    def test_another_one_is_a_change(self, name: str) -> None:
        before = a_request(version=SourceVersion(**{name: "1"}))
        wanted = a_request(version=SourceVersion(**{name: "2"}))
        assert found(judge(wanted, a_member(before), AS_LEFT)) is Found.CHANGED

    def test_another_size_is_a_change(self) -> None:
        assert found(judge(a_request(size=11), a_member(), AS_LEFT)) is Found.CHANGED

    def test_a_time_alone_has_the_server_asked(self) -> None:
        wanted = a_request(version=SourceVersion(modified="2026-01-01 10:00"))
        assert judge(wanted, a_member(wanted), AS_LEFT) is Need.ANSWER


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "known", "verdict"),
        [
            (Answer(is_same=True), Validator(etag='"1"'), Found.UNCHANGED),
            (Answer(total=11), Validator(), Found.CHANGED),
            (Answer(total=10), Validator(), Found.UNCHANGED),
            (Answer(), Validator(), Found.CHANGED),
            (Answer(validator=Validator(etag='W/"1"')), Validator(etag='"1"'), Found.UNCHANGED),
            (Answer(validator=Validator(etag='"2"')), Validator(etag='"1"'), Found.CHANGED),
            (Answer(validator=Validator(last_modified="a")), Validator(last_modified="a"), None),
            (
                Answer(total=10, validator=Validator(last_modified="b")),
                Validator(last_modified="a"),
                Found.CHANGED,
            ),
            (
                Answer(validator=Validator(last_modified="Fri, 02 Jan 2026 00:00:00 GMT")),
                None,
                Found.CHANGED,
            ),
            (
                Answer(validator=Validator(last_modified="Wed, 31 Dec 2025 00:00:00 GMT")),
                None,
                Found.UNCHANGED,
            ),
        ],
    )
    def test_what_a_server_says_decides(
        self, answer: Answer, known: Validator | None, verdict: Found | None
    ) -> None:
        member = a_member(validator=known)
        assert judge(a_request(), member, AS_LEFT) is Need.ANSWER
        finding = judge(a_request(), member, AS_LEFT, answer=answer)
        assert found(finding) is (verdict or Found.UNCHANGED)

    def test_heads_are_read(self) -> None:
        assert answer_of("a", 304, {"etag": '"1"'}).is_same
        part = answer_of("a", 206, {"content-range": "bytes 0-0/10", "content-length": "1"})
        assert part.total == 10
        assert answer_of("a", 200, {"content-length": "10"}).total == 10
        assert (
            answer_of("a", 200, {"content-length": "5", "content-encoding": "gzip"}).total is None
        )
        assert answer_of("a", 416, {"content-range": "bytes */0"}).total == 0
        assert answer_of("a", 206, {"content-range": "bytes 0-0/*"}).total is None
        assert answer_of("a", 206, {"content-range": "nonsense"}).total is None

    def test_a_login_page_is_no_new_file(self) -> None:
        page = {"content-type": "text/html; charset=utf-8"}
        assert answer_of("a.tar.gz", 200, page).is_page
        assert not answer_of("a.html", 200, page).is_page
        assert not answer_of("README", 200, page).is_page
        assert not answer_of("a.tar.gz", 200, {"content-type": "application/gzip"}).is_page


class TestNotWhole:
    @pytest.mark.parametrize("status", [s for s in Status if s is not Status.COMPLETED])
    def test_it_is_left_alone_while_nothing_changed(self, status: Status) -> None:
        member = a_member(a_request(RIGHT), status=status, total_bytes=None, left=None)
        assert found(judge(a_request(RIGHT), member, None)) is Found.UNCHANGED

    @pytest.mark.parametrize("status", [s for s in Status if s is not Status.COMPLETED])
    def test_another_file_is_fetched_anew_unless_it_was_given_up(self, status: Status) -> None:
        member = a_member(a_request(RIGHT), status=status, total_bytes=None, left=None)
        given_up = status is Status.CANCELLED
        finding = judge(a_request(WRONG), member, None)
        assert found(finding) is (Found.UNCHANGED if given_up else Found.CHANGED)

    def test_what_failed_is_tried_at_another_address(self) -> None:
        moved = replace(a_request(), url="http://host/there/a.bin")
        assert found(judge(moved, a_member(status=Status.FAILED), None)) is Found.CHANGED
        assert found(judge(moved, a_member(status=Status.ACTIVE), None)) is Found.UNCHANGED

    def test_another_signature_is_no_other_address(self) -> None:
        before = replace(a_request(), url=f"{URL}?X-Amz-Signature=1")
        now = replace(a_request(), url=f"{URL}?X-Amz-Signature=2")
        member = a_member(before, status=Status.FAILED)
        assert found(judge(now, member, None)) is Found.UNCHANGED
        assert brought_up_to_date(now, member).url == now.url


class TestUpToDate:
    def test_what_a_person_changed_stays(self) -> None:
        member = a_member(replace(a_request(), priority=7, limit=1000, connections=2))
        wanted = replace(a_request(RIGHT), url="http://other/a.bin", mirrors=("http://m/a.bin",))
        request = brought_up_to_date(wanted, member)
        assert (request.priority, request.limit, request.connections) == (7, 1000, 2)
        assert (request.url, request.checksum) == (wanted.url, RIGHT)

    def test_a_digest_that_the_source_names_no_longer_stays(self) -> None:
        assert brought_up_to_date(a_request(), a_member(a_request(RIGHT))).checksum == RIGHT

    def test_of_a_whole_one_no_secret_comes_back(self) -> None:
        wanted = replace(a_request(), headers={"X-Key": "secret"}, url=f"{URL}?X-Amz-Signature=1")
        request = brought_up_to_date(wanted, a_member())
        assert "secret" not in str(request)
        assert "Signature=1" not in request.url


digests = st.sampled_from([None, RIGHT, WRONG, OTHER_KIND])
validators = st.builds(Validator, etag=st.sampled_from([None, '"1"', '"2"']))
versions = st.none() | st.builds(SourceVersion, etag=st.sampled_from([None, '"1"', '"2"']))
requests = st.builds(
    lambda checksum, size, version: a_request(checksum, size=size, version=version),
    digests,
    st.sampled_from([None, 10, 11]),
    versions,
)
members_ = st.builds(
    lambda request, digest, validator, status, error: a_member(
        request, digest=digest, validator=validator, status=status, error=error
    ),
    requests,
    digests,
    st.none() | validators,
    st.sampled_from(Status),
    st.sampled_from([None, ErrorInfo(code=ErrorCode.CHECKSUM, message="")]),
)
files = st.sampled_from([None, AS_LEFT, TOUCHED, LONGER, NO_FILE])
answers = st.builds(
    Answer,
    is_same=st.booleans(),
    total=st.sampled_from([None, 10, 11]),
    validator=validators,
)


@given(requests, members_, files, digests.filter(bool), answers)
def test_it_comes_to_an_end_and_never_calls_right_what_is_not(
    wanted: DownloadRequest,
    member: DownloadRecord,
    file: FileState | None,
    digest: Checksum,
    answer: Answer,
) -> None:
    given_digest: Checksum | None = None
    given_answer: Answer | None = None
    needs: list[Need] = []
    finding = judge(wanted, member, file)
    while isinstance(finding, Need):
        needs.append(finding)
        if finding is Need.DIGEST:
            assert algorithm_for(wanted, member)
            given_digest = replace(digest, algorithm=algorithm_for(wanted, member))
        else:
            given_answer = answer
        finding = judge(wanted, member, file, digest=given_digest, answer=given_answer)
    assert len(needs) == len(set(needs)), "each is asked for once"
    if member.status is not Status.COMPLETED:
        assert not needs
        return
    if finding.found is Found.UNCHANGED:
        assert file is not None
        assert file.size is not None
        # Either it is as winch left it, or it was hashed and is right.
        assert file == AS_LEFT or finding.proved is not None
        if wanted.checksum is not None:
            known = (member.request.checksum, member.digest, finding.proved)
            assert wanted.checksum in known
    if file not in (None, AS_LEFT) and finding.found is not Found.UNCHANGED:
        # By its digest it may be what winch left there, though its time is another one.
        assert not finding.is_own or finding.proved, "what somebody made is never overwritten"
    if wanted.checksum is not None:
        assert Need.ANSWER not in needs, "a digest of the source takes no request"
    is_proved = wanted.checksum in (member.request.checksum, member.digest)
    if file == AS_LEFT and is_proved and member.error is None:
        assert Need.DIGEST not in needs, "and no hashing"
