"""Any frame: those of `tidelog.wire.frames`, and the families that have modules of their own."""

from __future__ import annotations

from tidelog.wire.audit_frames import Audit, Verdict
from tidelog.wire.enrolling import Enrol, Roster
from tidelog.wire.fetching import Fetch, Piece
from tidelog.wire.frames import Delta, Fault, Messages, Push, Receipts, SyncRequest
from tidelog.wire.large import Ask, Chunk, Portion, Upload
from tidelog.wire.marks import MarkRequest, Marks
from tidelog.wire.page_frames import Page, Resync
from tidelog.wire.parcels import Parcel
from tidelog.wire.primed import PrimedPush
from tidelog.wire.queries import Estimate, Manifest, Query

Frame = (
    Messages
    | Parcel
    | SyncRequest
    | Resync
    | Receipts
    | Delta
    | Page
    | Push
    | PrimedPush
    | Fault
    | Fetch
    | Piece
    | Query
    | Manifest
    | Estimate
    | Enrol
    | Roster
    | MarkRequest
    | Marks
    | Ask
    | Chunk
    | Portion
    | Upload
    | Audit
    | Verdict
)
