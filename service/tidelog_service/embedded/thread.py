"""The broker's thread: an event loop that lives from start to stop, and what others may ask of it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from tidelog_service.embedded.door import Door
from tidelog_service.embedded.switch import Limits, Switch

if TYPE_CHECKING:
    import socket

    from tidelog_service.embedded.rules import Rules

ANSWER_SECONDS_MAX: Final = 10.0
"""How long a call waits for the broker's thread, which answers in milliseconds: longer is a fault of ours."""


class BrokerThread:
    """Runs a broker on a listening socket; the constructor returns when it takes connections.

    Args:
        sock: bound and listening; owned by the thread from now on.
        rules: who may connect and do what.
        limits: what is held at most.
    """

    _loop: asyncio.AbstractEventLoop
    _stopping: asyncio.Event
    _switch: Switch
    _door: Door

    def __init__(self, sock: socket.socket, rules: Rules, limits: Limits) -> None:
        """See the class."""
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._rules = rules
        self._limits = limits
        self._evictions: set[asyncio.Task[None]] = set()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="tidelog-broker", daemon=True)
        self._thread.start()
        self._started.result(ANSWER_SECONDS_MAX)

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in the broker's thread, where it must not wait for the broker."""
        return threading.current_thread() is self._thread

    @property
    def dropped(self) -> int:
        """Messages dropped because the queue of their session was full."""
        return self._switch.dropped

    def evict(self, device: str) -> None:
        """Put a device out, and return when that is done; for other threads than the broker's."""
        asyncio.run_coroutine_threadsafe(self._door.evict(device), self._loop).result(ANSWER_SECONDS_MAX)

    def evict_soon(self, device: str) -> None:
        """Put a device out without waiting; for the broker's thread."""
        task = self._loop.create_task(self._door.evict(device))
        self._evictions.add(task)
        task.add_done_callback(self._evictions.discard)

    def stop(self) -> None:
        """Put everyone out, close the socket, end the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._sock.close()
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._switch = Switch(self._rules, self._limits)
        await self._switch.start()
        self._door = Door(self._switch, self._rules, self._limits)
        server = await asyncio.start_server(self._door.accept, sock=self._sock)
        self._started.set_result(None)
        try:
            await self._stopping.wait()
        finally:
            # A socket that asyncio has accepted and not yet wrapped when its server closes is left open: its
            # task fails an assertion. So nothing more is accepted, and those tasks take their step first.
            self._loop.remove_reader(self._sock.fileno())
            await asyncio.sleep(0)
            server.close()
            await self._door.close()
            await self._switch.shutdown()
            await _others()
            await server.wait_closed()


async def _others() -> None:
    """Wait for what is still under way: sockets accepted a moment ago, which the door turns away."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
