from __future__ import annotations

import pytest

from tidelog.wire import packed
from tidelog.wire.errors import Code, UsageError
from tidelog.wire.frames import Message, Messages, Receipt, Receipts, Rejection, Type
from tidelog.wire.limits import BATCH_MESSAGES_MAX, BODY_BYTES_MAX
from unit.wire.payloads import payload_of, refusal

NOW = 1_760_001_373_811
RUN_OF_3 = b"\x00\x03"
DIGEST = b"\xab\xcd"


def batch(*numbers: int, channel: str = "room1", body: bytes = b"hi") -> Messages:
    made = [Message(n=n, channel=channel, body=body, sent=NOW) for n in numbers]
    return Messages(outbox=b"\x01\x02\x03\x04", messages=tuple(made))


def taken(*numbers: int, channel: str = "room1") -> Receipts:
    made = [Receipt(n=n, channel=channel, epoch=9, seq=n + 100, time=NOW, digest=DIGEST) for n in numbers]
    return Receipts(outbox=b"\x01\x02\x03\x04", highest=max(numbers), receipts=tuple(made))


def test_a_message_costs_23_bytes_beside_its_body() -> None:
    assert len(packed.encode(batch(5, body=b"x" * 100))) == 123


def test_a_further_message_costs_two_bytes_beside_its_body() -> None:
    one, hundred = (len(packed.encode(batch(*range(1, n + 1), body=b"x" * 70))) for n in (2, 102))
    assert hundred - one <= 100 * (70 + 2) + 6


def test_a_hundred_receipts_of_one_commit_cost_their_digests_and_a_few_bytes_more_than_one() -> None:
    one, hundred = len(packed.encode(taken(1))), len(packed.encode(taken(*range(1, 101))))
    assert hundred <= one + 99 * len(DIGEST) + 4


def test_receipts_and_rejections_keep_their_digests_apart() -> None:
    """A number may be in both, for two messages; what has no number has no digest."""
    frame = Receipts(
        outbox=b"",
        highest=2,
        receipts=(Receipt(n=2, channel="a", epoch=9, seq=1, time=NOW, digest=b"\x00\x01"),),
        rejections=(
            Rejection(n=2, code=Code.CONFLICT, digest=b"\x02\x03"),
            Rejection(n=0, code=Code.NO_CHANNEL),
            Rejection(n=2, code=Code.CONFLICT, digest=b"\x04\x05"),
        ),
    )
    assert packed.decode(packed.encode(frame)) == frame


@pytest.mark.parametrize(("n", "digest"), [(1, b""), (1, b"\x01"), (1, bytes(8)), (0, DIGEST)])
def test_a_digest_that_is_none_is_not_written(n: int, digest: bytes) -> None:
    """Without it the device could not tell whose answer it is."""
    receipt = Receipt(n=n, channel="a", epoch=9, seq=1, time=NOW, digest=digest)
    with pytest.raises(UsageError, match="digest"):
        packed.encode(Receipts(outbox=b"", highest=1, receipts=(receipt,)))
    rejection = Rejection(n=n, code=Code.BUSY, digest=digest)
    with pytest.raises(UsageError, match="digest"):
        packed.encode(Receipts(outbox=b"", highest=1, rejections=(rejection,)))


def test_a_repeated_message_takes_a_higher_seq_than_its_successors() -> None:
    receipts = [
        Receipt(n=n, channel="a", epoch=9, seq=seq, time=NOW, digest=DIGEST)
        for n, seq in ((1, 7), (2, 3), (3, 4))
    ]
    frame = Receipts(outbox=b"\x01\x02\x03\x04", highest=3, receipts=tuple(receipts))
    assert packed.decode(packed.encode(frame)) == frame


def test_an_epoch_may_change_between_two_receipts_of_a_channel() -> None:
    receipts = [
        Receipt(n=n, channel="a", epoch=epoch, seq=1, time=NOW, digest=DIGEST)
        for n, epoch in ((1, 7), (2, 8))
    ]
    frame = Receipts(outbox=b"\x01\x02\x03\x04", highest=2, receipts=tuple(receipts))
    assert packed.decode(packed.encode(frame)) == frame


def test_an_outbox_restored_from_a_backup_hears_of_a_higher_number() -> None:
    refused = Rejection(n=5, code=Code.CONFLICT, digest=DIGEST)
    frame = Receipts(outbox=b"\x01\x02\x03\x04", highest=900, rejections=(refused,))
    assert packed.decode(packed.encode(frame)) == frame


@pytest.mark.parametrize("frame", [batch(2, 1), batch(1, 1), batch(0, 1), taken(2, 1)])
def test_numbers_that_do_not_ascend_are_not_written(frame: Messages | Receipts) -> None:
    with pytest.raises(UsageError, match="ascend"):
        packed.encode(frame)


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([b"", 1, "a"], Code.MALFORMED),
        ([b"abc", 1, "a", b""], Code.MALFORMED),
        (["abcd", 1, "a", b""], Code.MALFORMED),
        ([b"abcd", 0, "a", b""], Code.MALFORMED),
        ([b"abcd", [2], "a", b"", b"", b"\x00"], Code.MALFORMED),
        ([b"", 2**53, "a", b""], Code.LIMIT),
        ([b"", -1, "a", b""], Code.MALFORMED),
        ([b"", True, "a", b""], Code.MALFORMED),
        ([b"", "1", "a", b""], Code.MALFORMED),
        ([b"", [], "a", b""], Code.MALFORMED),
        ([b"", [0], "a", b""], Code.MALFORMED),
        ([b"", [1, 2], "a", b""], Code.MALFORMED),
        ([b"", [BATCH_MESSAGES_MAX + 1], "a", b""], Code.LIMIT),
        ([b"", b"", "a", b""], Code.MALFORMED),
        ([b"", b"\x00\x81\x08", "a", b"", b"", bytes(1024)], Code.LIMIT),
        ([b"", b"\x00\x00", "a", b""], Code.LIMIT),
        ([b"", 1, "a//b", b""], Code.MALFORMED),
        ([b"", 1, b"a", b""], Code.MALFORMED),
        ([b"", 1, [], b""], Code.MALFORMED),
        ([b"", 1, "a", "body"], Code.MALFORMED),
        ([b"", 1, "a", bytes(BODY_BYTES_MAX + 1)], Code.LIMIT),
        ([b"", RUN_OF_3, "a", bytes(BODY_BYTES_MAX + 3), b"", b"\x01\x01"], Code.LIMIT),
        ([b"", RUN_OF_3, "a", b"abc", b"", b"\x01"], Code.MALFORMED),
        ([b"", RUN_OF_3, "a", b"abc", b"", b"\x01\x01\x01"], Code.MALFORMED),
        ([b"", RUN_OF_3, "a", b"abc", b"", b"\x02\x02"], Code.MALFORMED),
        ([b"", 1, "a", b"", b"\x01\x01"], Code.MALFORMED),
        ([b"", 1, "a", b"", b"\xff\xff\xff\xff\xff\xff\xff\x7f"], Code.LIMIT),
        ([b"", RUN_OF_3, ["a", "b"], b"abc", b"", b"\x01\x01", b"\x00\x02"], Code.MALFORMED),
        ([b"", 1, "a", b"", b"", b"", b"\x01"], Code.MALFORMED),
        ([b"", 1, "a", b"", b"", b"", b"", b"\x80\x04"], Code.LIMIT),
        ([b"", 1, "a", b"", b"", b"", b"", b"", "text/\n"], Code.MALFORMED),
        ([b"", 1, "a", b"", b"", b"", b"", b"", "a/b", b"\x01"], Code.MALFORMED),
    ],
)
def test_messages_are_checked_field_by_field(items: list[object], code: Code) -> None:
    assert refusal(payload_of(Type.MESSAGES, *items)).wire_code is code


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], Code.MALFORMED),
        ([b"abc"], Code.MALFORMED),
        ([b"abcd", 1], Code.MALFORMED),
        ([b"abcd", 1, ["a"], b"", b"", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 2**32], b"", b"", DIGEST], Code.LIMIT),
        ([b"abcd", 1, ["a", b""], b"", b"", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, [5, 9], b"", b"", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9, "b", 9], b"", b"", DIGEST], Code.LIMIT),
        ([b"abcd", RUN_OF_3, ["a", 9, "a", 9], b"", b"", 3 * DIGEST], Code.MALFORMED),
        ([b"abcd", RUN_OF_3, ["a", 9], b"", b"", 3 * DIGEST, "", b"\x01"], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"\x01", b"", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"\x03", b"", DIGEST], Code.LIMIT),
        ([b"abcd", 1, ["a", 9], b"\x00\x00", b"", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"\x01\x01", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9]], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", b"\xab"], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", 2 * DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", "abcd"], Code.MALFORMED),
        ([b"", 0, ["a", 9], b"", b"", DIGEST], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, "", b"", [1]], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", 2 * DIGEST, "", b"", [1, 77]], Code.UNSUPPORTED),
        ([b"abcd", 1, ["a", 9], b"", b"", 2 * DIGEST, "", b"", [-1, 6]], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, "", b"", [1, 6]], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", 1026 * DIGEST, "", b"", [1, 6] * 1025], Code.LIMIT),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, "", b"", [], -2], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, "", b"", [], 2**53], Code.LIMIT),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, "", b"", [], b""], Code.MALFORMED),
        ([b"abcd", 0, ["a", 9]], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, "x/y"], Code.MALFORMED),
        ([b"abcd", 1, ["a", 9], b"", b"", DIGEST, b"ann"], Code.MALFORMED),
    ],
)
def test_receipts_are_checked_field_by_field(items: list[object], code: Code) -> None:
    assert refusal(payload_of(Type.RECEIPTS, *items)).wire_code is code


def test_the_smallest_receipt_is_read() -> None:
    """What the refused ones are made of."""
    frame = packed.decode(payload_of(Type.RECEIPTS, b"abcd", 1, ["a", 9], b"", b"", DIGEST))
    receipt = Receipt(n=1, channel="a", epoch=9, seq=1, time=0, digest=DIGEST)
    assert frame == Receipts(outbox=b"abcd", highest=1, receipts=(receipt,))


def test_the_largest_batch_is_read() -> None:
    many = [Message(n=n, channel="a", body=b"") for n in range(1, BATCH_MESSAGES_MAX + 1)]
    frame = Messages(outbox=b"abcd", messages=tuple(many))
    assert packed.decode(packed.encode(frame)) == frame
