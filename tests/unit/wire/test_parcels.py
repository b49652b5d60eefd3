from __future__ import annotations

from tidelog.wire.parcels import Basis, Parcel
from tidelog.wire.ranges import EMPTY


def test_a_parcel_builds_on_nothing_and_passes_over_nothing_unless_told() -> None:
    parcel = Parcel(
        outbox=b"abcd",
        numbers=(1,),
        channels=("a",),
        sents=(0,),
        kinds=(0,),
        content_types=("",),
        deflated=b"secret",
    )
    assert parcel.basis is None
    assert Basis(channel="a", last=5, check=bytes(4)).holes == EMPTY


def test_bodies_are_not_shown_in_errors_and_logs() -> None:
    parcel = Parcel(
        outbox=b"abcd",
        numbers=(1,),
        channels=("a",),
        sents=(0,),
        kinds=(0,),
        content_types=("",),
        deflated=b"secret",
    )
    assert "secret" not in repr(parcel)
