"""Every bound on what a peer may send, each with its reason (SPEC.md, "Limits")."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
"""The protocol version of this package: the upper 3 bits of a packed frame's first byte."""

VERSION_STOP: Final = 8
"""Versions are below this: 3 bits."""

SEQ_STOP: Final = 2**53
"""Seqs are below this, so that JSON readers hold them exactly; as a range's end it means "no end"."""

PACKET_BYTES_MAX: Final = 65_536
"""A payload; the lowest common bound of public brokers."""

PAGE_BYTES_DEFAULT: Final = 16_384
"""A page of an answer: what a dropped link costs at most."""

PAGE_BYTES_MIN: Final = 256
"""The smallest page that a device may ask for: one short record with its headers."""

PAGE_BYTES_MAX: Final = 61_440
"""The largest page: a packet less 4 KiB for headers and the columns of the last record."""

BODY_BYTES_MAX: Final = 32_768
"""A body that goes inline; larger ones go as stubs."""

LARGE_BYTES_MAX: Final = 2**30
"""A body that goes as a stub; a service takes less, and says how much."""

STUB_FIRST_BYTES_MAX: Final = 512
"""What a stub has of the beginning of its body: who syncs pays for it, and any stub may prime."""

BODY_DIGEST_BYTES: Final = 32
"""Of a large body: nobody finds another one with the same digest."""

CHUNK_GRAIN_BYTES: Final = 1_024
"""Chunks begin and end at multiples of this: bounds how many rows a body becomes."""

TOPIC_BYTES_MAX: Final = 128
"""Half of the 256 that public brokers allow; leaves room for a broker's prefix."""

CHANNEL_BYTES_MAX: Final = 64
"""A channel's name in UTF-8: with the longest device id and message number it fits a topic."""

CHANNEL_LEVELS_MAX: Final = 3
"""Levels of a channel's name: ``tl1/<device>/put/<n>/a/b/c`` has 6 of the 7 slashes allowed."""

USER_BYTES_MAX: Final = 64
"""A user's name in UTF-8: it is written into author tables, so it is paid for."""

DEVICE_CHARS_MAX: Final = 23
"""A device id: the longest client id that every MQTT 3.1.1 broker must accept (section 3.1.3.1)."""

CONTENT_TYPE_BYTES_MAX: Final = 64
"""A content type: a media type with one parameter."""

RUNS_MAX: Final = 16_384
"""Runs in a have-set or want-set: a packet holds no more at two bytes a hole and run."""

STATEMENTS_MAX: Final = 4_096
"""Channels stated or named in one request."""

BATCH_MESSAGES_MAX: Final = 1_024
"""Messages in one packet on the way up, and receipts in one on the way down."""

PAGE_RECORDS_MAX: Final = 8_192
"""Records in one page: bounds the work of a page of empty bodies."""

MESSAGE_NUMBER_STOP: Final = 2**53
"""Message numbers are below this, so that JSON readers hold them exactly."""

MESSAGE_WINDOW: Final = 65_536
"""How far above the highest message number taken an unseen one may be; as far below it all count as taken.

A device holds numbers back by the same span above its lowest unsettled one, so no message of its is caught by
that, and the service keeps a window of numbers and receipts whatever holes a restored device leaves.
"""

MESSAGE_DIGEST_BYTES: Final = 8
"""What the service keeps of a message's content: two messages of a device agree once in 2**64."""

ANSWER_DIGEST_BYTES: Final = 2
"""What an answer carries of it: only a restored device can meet the wrong one, once in 65,536 such times."""

TIME_MS_STOP: Final = 2**53
"""Times, in milliseconds since 1970 (UTC), are below this, so that JSON readers hold them exactly."""

KIND_STOP: Final = 256
"""Kinds are below this: one byte."""

REVISION_SEQS_MAX: Final = 65_536
"""Records that one delete voids: each is looked at before it is stored."""

FILTER_NAMES_MAX: Final = 64
"""Authors, kinds or patterns of one filter: each author is a range of the index."""

MAX_BODY_MIN: Final = 1_024
"""The least bound on bodies of a filter: smaller ones prime pages, and must be whole."""

MANIFEST_RECORDS_MAX: Final = 16_384
"""Records told in one page of a manifest: the work of a packet of them."""

ENROL_USERS_MAX: Final = 256
"""Users that one request invites or removes: each is looked up and written."""

REQUEST_ID_STOP: Final = 65_536
"""Request ids are below this: three bytes at most, and random enough to tell a stale answer."""

EPOCH_STOP: Final = 2**32
"""Epochs are below this; random, so that two incarnations differ without a shared counter."""

OUTBOX_ID_BYTES: Final = 4
"""The random id of a device's outbox."""

VARINT_BYTES_MAX: Final = 8
"""A varint: 56 bits, more than any number here; a longer one is malformed."""

NESTING_MAX: Final = 8
"""Arrays within arrays in a packed frame, and objects within objects in JSON."""

ITEMS_MAX: Final = 32_768
"""CBOR items in a packed frame: bounds the decoder's work before anything is built."""

BODY_SIZE_STOP: Final = 2**53
"""Sizes of whole bodies, told where only the beginning travels, are below this: JSON holds them exactly."""

FAULT_TEXT_BYTES_MAX: Final = 512
"""What a fault says to people: a sentence or two."""

CODEC_STOP: Final = 32
"""Codec ids are below this, so that a request offers them as bits of one number."""

PAGE_BODIES_BYTES_MAX: Final = 1_048_576
"""All bodies of a page, expanded: bounds what a codec inflates; sixteen times a packet."""

TRAINED_ID_MIN: Final = 256
"""Dictionaries below are built into the software; a trained one's id is the CRC-32 of its content."""

DICTIONARY_STOP: Final = 2**32
"""Ids of dictionaries are below this: a CRC-32."""

DICTIONARY_BYTES_MAX: Final = 65_536
"""A trained dictionary: twice deflate's window, and what primes PPMd in some 10 ms."""

DICTIONARY_DEFLATED_BYTES_MAX: Final = 65_600
"""The same as it travels: where nothing compresses, deflate adds 33 bytes to that."""

CONTEXT_RECORDS_MAX: Final = 128
"""Records that prime a push: twice as many save 2 bytes of 70 of chat, and are lacked more often."""

MARKS_MAX: Final = 256
"""Channels in a frame of marks, and members told of a channel at once: a service writes a row for each."""

MARK_VERSION_STOP: Final = 2**54
"""Versions of a channel's marks are below this: the sum of two seqs is one."""

CONTEXT_BODY_BYTES_MAX: Final = 1_024
"""A body of a record that primes a push; larger ones are passed over: they crowd out many small ones."""

CONTEXT_HISTORY_MAX: Final = 64
"""Records whose metadata primes the columns of a push: 4 us each, and more save a third of a byte at most."""

PRIMED_TEXT_BYTES_MAX: Final = 65_537
"""The bodies of a primed push with their ends, expanded: the longest body, each byte of it written as two."""


JSON_DIGITS_MAX: Final = 16
"""Digits of a number in JSON: all below 2**53 fit."""

TOKEN_BYTES: Final = 4
"""A token: the service's name for what it knows of a device."""

DIGEST_STOP: Final = 2**32
"""Digests of an account are below this: a wrong one agrees once in 2**32 requests, and the check notices."""

CHECK_BYTES: Final = 4
"""The check over a page: a wrong context or a wrong decode passes once in 2**32."""

CONTEXT_BYTES_MAX: Final = 262_144
"""Of held bodies that prime a page's codec; more brings a few per cent and costs both sides time by it."""

MODEL_BYTES_MAX: Final = 67_108_864
"""Of memory that a page's codec may ask a device for; enough for 4 MiB of context and text together."""

ROOM_BYTES_MIN: Final = 32
"""The least that a device may bound an answer's payload to: what says that there is more."""

BUDGET_BYTES_MIN: Final = 256
"""The least budget of a sync: a request, its answer and one short record."""

PARCEL_TEXT_BYTES_MAX: Final = 65_536
"""The bodies of a parcel, expanded: no more work than a packet of plain ones can be."""

PARCEL_CONTEXT_BYTES_MAX: Final = 32_768
"""The context of a parcel: as far back as deflate looks."""

PARCEL_CONTEXT_RECORDS_MAX: Final = 512
"""Records that a parcel's context walks over: at 70 bytes each they fill it; bounds the service's reading."""

PARCEL_BODY_BYTES_MAX: Final = 1_024
"""Bodies above this are passed over in a parcel's context: they would crowd out many small ones."""

PARCEL_HOLES_MAX: Final = 64
"""Runs of seqs that a parcel's context passes over: the service reads that many ranges more."""

PARCEL_CHECK_BYTES: Final = 4
"""The check of a parcel: another context passes once in 2**32."""

AUDIT_SUM_STOP: Final = 2**32
"""Sums of channels and pieces in an audit are taken modulo this: of 2**32 that differ one passes."""

AUDIT_PIECES_MAX: Final = 1_024
"""Pieces of channels in an audit: 4 KiB, and two look-ups each."""
