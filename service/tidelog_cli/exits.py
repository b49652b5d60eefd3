"""The one table of exit codes; `tidelog --help` and docs/cli.md print it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from tidelog.wire.errors import Denied, ProtocolError, TidelogError, Unavailable, UsageError


class ExitCode(IntEnum):
    """What the command ended with; scripts may rely on the numbers."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    UNAVAILABLE = 3
    DENIED = 4
    PROTOCOL = 5
    DATA = 6
    INCOMPLETE = 7
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


MEANINGS: Final[dict[ExitCode, str]] = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "a bug, or an installation without what the command needs",
    ExitCode.USAGE: "the command line, the configuration or a name is wrong",
    ExitCode.UNAVAILABLE: "link, broker or service did not answer, or something is in use",
    ExitCode.DENIED: "credentials, membership or role do not allow it",
    ExitCode.PROTOCOL: "a frame or packet does not follow the protocol",
    ExitCode.DATA: "a file, a data folder or a store cannot be read or written",
    ExitCode.INCOMPLETE: "it ended in order, but something is left to do",
    ExitCode.INTERRUPTED: "Ctrl-C (`serve` drains and ends with 0)",
    ExitCode.PIPE: "the reader of the output went away",
    ExitCode.TERMINATED: "SIGTERM (`serve` drains and ends with 0)",
}

_BRANCHES: Final[tuple[tuple[type[TidelogError], ExitCode], ...]] = (
    (UsageError, ExitCode.USAGE),
    (Unavailable, ExitCode.UNAVAILABLE),
    (Denied, ExitCode.DENIED),
    (ProtocolError, ExitCode.PROTOCOL),
)

_BY_CODE: Final[dict[str, ExitCode]] = {
    "in_use": ExitCode.UNAVAILABLE,
    **dict.fromkeys(
        ("no_data", "data_gone", "data_folder", "no_folder", "import_line", "import_file", "file"),
        ExitCode.DATA,
    ),
    **dict.fromkeys(("no_corpus", "corpus_short"), ExitCode.DATA),
    **dict.fromkeys(("store_full", "store_damaged", "store_failed", "store_unreadable"), ExitCode.DATA),
    **dict.fromkeys(("store_foreign", "store_newer", "store_older", "store_device"), ExitCode.DATA),
    **dict.fromkeys(("store_path", "store_missing", "store_read_only"), ExitCode.DATA),
}
"""Codes that say more than the branch of their error."""


def exit_for(error: TidelogError) -> ExitCode:
    """The exit code of an error: by its code where that says more, else by its branch of the tree."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((code for branch, code in _BRANCHES if isinstance(error, branch)), ExitCode.UNEXPECTED)
