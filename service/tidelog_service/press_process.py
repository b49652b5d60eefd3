"""A process that compresses, one job at a time, and the service's end of it.

The two talk over a pair of sockets: the process says ready, then there is an answer to each job. It is a
fresh interpreter with a module of its own: it shares no threads, locks or files with the service, and takes
half of the memory and time to start that `multiprocessing` does, which loads the whole command into each
process. It ends when the socket does, so it outlives nobody.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from tidelog.codec.press import Pressed, PressJob, press
from tidelog.wire.errors import UsageError

_END_SECONDS: Final = 1.0
"""How long a process that was told to end may take: a large job may be under way."""

_READY: Final = "ready"


class ProcessGone(Exception):  # noqa: N818 - an event, which `Presses` deals with
    """The process has ended, or does not take or give what it should."""


class PressProcess:
    """The service's end; used by one thread.

    Args:
        seconds: how long a write to it or a read of an answer that has begun may take.

    Attributes:
        ready: whether it has said so; `hear` finds out.
        connection: readable when it has something to say or has ended.
        pid: its process id.

    Raises:
        OSError: there is no process to be had.
    """

    def __init__(self, seconds: float) -> None:
        """See the class."""
        own, other = socket.socketpair()
        with other:
            # A process that hangs must not take the service with it, at whatever byte it hangs.
            limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self.connection = Connection(own.detach())
            try:
                self._process = _started(other.fileno())
            except BaseException:
                self.connection.close()
                raise
        self.pid = self._process.pid
        self.ready = False

    def give(self, job: PressJob) -> None:
        """Give it a job; it must be ready and have none.

        Raises:
            ProcessGone: it does not take it.
        """
        try:
            self.connection.send(job)
        except OSError as error:
            raise ProcessGone from error

    def hear(self) -> Pressed | None:
        """Take what it says: that it is ready, or its answer.

        Blocks until there is something, so wait for `connection` first.

        Returns:
            the answer; ``None`` where it is ready now, or refuses the job as `press` would.

        Raises:
            ProcessGone: it has ended.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError) as error:
            raise ProcessGone from error
        self.ready = True
        return said if isinstance(said, Pressed) else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; ``None`` before `end`."""
        return self._process.returncode

    def dismiss(self) -> None:
        """Tell it to end; `end` is to follow."""
        self.connection.close()

    def end(self, *, wait: bool = False) -> None:
        """End it, at once or when it has ended what it does, and let go of it; idempotent."""
        self.connection.close()
        try:
            self._process.wait(_END_SECONDS if wait else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    """Start this module as a process.

    It finds its modules where the service did, and is in a group of its own: Ctrl-C is meant for the service,
    which ends it in its turn.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
        [sys.executable, "-P", "-m", __name__, str(descriptor)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        process_group=0,
        env={**os.environ, "PYTHONPATH": paths},
    )


def serve(connection: Connection) -> None:
    """Answer jobs until the other end is closed.

    Fails on what `press` fails on, other than misuse: the service sees the end and does the job otherwise.
    """
    with suppress(EOFError, OSError):
        connection.send(_READY)
        while True:
            connection.send(_answer(connection.recv()))


def _answer(job: PressJob) -> Pressed | None:
    try:
        return press(job)
    except UsageError:
        return None


if __name__ == "__main__":
    # A supervisor may tell a whole group to end: the service still has answers to give then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
