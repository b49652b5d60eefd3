"""The service as a whole: data folder, store, engine, broker and link, started and stopped in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

import structlog

from tidelog.wire.errors import Denied, TidelogError, Unavailable
from tidelog.wire.frames import Presence
from tidelog.wire.topics import status_topic
from tidelog_service.bounds import bounds_of, keeping_of, policy_of, processes_of
from tidelog_service.broker_files import BrokerFiles
from tidelog_service.brokers import Address, address_of, embedded_broker
from tidelog_service.config import Settings, Source
from tidelog_service.embedded.broker import EmbeddedBroker
from tidelog_service.engine.core import Engine
from tidelog_service.engine.enrolling import Enroller
from tidelog_service.engine.gathering import Gathering
from tidelog_service.engine.retention import Retention
from tidelog_service.engine.status import details_of
from tidelog_service.mqtt.link import Link
from tidelog_service.mqtt.ports import LinkState, Phase
from tidelog_service.presses import Presses
from tidelog_service.rule_keeper import RuleKeeper
from tidelog_service.store import epochs
from tidelog_service.store.archive import LogArchive
from tidelog_service.store.clocks import ClockStore
from tidelog_service.store.data_folder import DataFolder
from tidelog_service.store.database import Database, open_database
from tidelog_service.store.dictionaries import DictionaryStore
from tidelog_service.store.gathered import GatheredStore
from tidelog_service.store.heartbeat import Heartbeat
from tidelog_service.store.records import RecordStore
from tidelog_service.store.registry import Registry
from tidelog_service.store.rolls import RollStore
from tidelog_service.store.traffic import TrafficBook
from tidelog_service.store.witness import WitnessFile
from tidelog_service.watcher import Watcher
from tidelog_service.worker import Worker

_READY_SECONDS = 30.0


class Service:
    """Everything that `tidelog serve` runs.

    Args:
        settings: the configuration.
        source: where it came from, to be read again for its ingest rules; the environment, if not given.

    Attributes:
        engine: its ``tally`` tells what happened; owned by the worker's thread.
        presses: the processes that compress for it.
        link: to the broker; its counts may be read.
    """

    def __init__(self, settings: Settings, source: Source | None = None) -> None:
        """See the class."""
        self._settings = settings
        self._source = source or Source()
        self._keeper: RuleKeeper | None = None
        self._log = structlog.get_logger("tidelog")
        self._stack = ExitStack()
        self._online = False
        self._settled = threading.Event()
        self._ended = threading.Event()
        self._link_error: TidelogError | None = None
        self._fault: Exception | None = None
        self._worker: Worker | None = None
        self.engine: Engine | None = None
        self.presses: Presses | None = None
        self.link: Link | None = None
        self.host = settings.broker.host
        self.port = settings.broker.port

    @property
    def url(self) -> str:
        """Where devices connect."""
        return self._settings.broker.url or f"mqtt://{self.host}:{self.port}"

    @property
    def healthy(self) -> bool:
        """Whether the broker and the store answer."""
        return self._online and self._worker is not None and self._worker.healthy

    def start(self) -> None:
        """Start everything; on return devices are served.

        Raises:
            UsageError: the data folder is in use, or the configuration does not fit.
            Unavailable: the store, the port or the broker is not to be had.
            Denied: the broker refused the service's credentials.
        """
        try:
            self._assemble()
        except BaseException:
            self._stack.close()
            raise

    def _assemble(self) -> None:
        folder = DataFolder(self._settings.service.data)
        self._stack.enter_context(folder.lock("tidelog serve"))
        heartbeat = Heartbeat(folder.alive)
        database = self._opened(folder)
        gathering = Gathering(GatheredStore(database), self._settings.rules)
        witness = self._witness_of(folder, database)
        bounds = bounds_of(self._settings)
        self.engine = Engine(
            RecordStore(database),
            bounds=bounds,
            press=self._presses(),
            library=DictionaryStore(database),
            enroller=Enroller(RollStore(database), policy_of(self._settings)),
            clocks=ClockStore(database),
            gathering=gathering,
            witness=witness,
        )
        if self._settings.broker.mosquitto_folder:
            BrokerFiles(self._settings, self._registry(folder)).keep()
        embedded = None if self._settings.broker.url else self._start_broker(folder)
        status = details_of(
            bounds,
            self._settings.limits.packet_bytes,
            now_ms=time.time_ns() // 1_000_000,
            down_from_ms=heartbeat.last_ms,
        )
        worker = self._worker = self._worker_on(self.engine, database)
        shelf = GatheredStore(self._opened(folder))
        link = self._make_link(worker, address_of(self._settings, embedded), status, shelf)
        self._start_link(link)
        # What the session was subscribed to before is unsubscribed now.
        shelf.keep_filters(self._settings.rules.filters)
        make_keeper = partial(RuleKeeper, link=link, shelf=shelf, gathering=gathering)
        self._start_watcher(worker, folder, embedded, heartbeat, make_keeper)

    def _witness_of(self, folder: DataFolder, database: Database) -> WitnessFile:
        """The database's witness; logs that it remembers to have been longer get other epochs first."""
        witness = WitnessFile(folder.witness, trouble=self._trouble)
        lost = witness.lost(database)
        if lost:
            renewed = epochs.renew(database, lost)
            self._log.error(
                "the database is older than what it was: it was restored, or exchanged",
                code="set_back",
                channels=[one.channel for one in renewed],
                hint="these channels have new epochs, devices fetch them anew and send again what they wrote "
                "since; devices revoked and members removed since are back: look at `tidelog device list`",
            )
        witness.begin(database)
        self._stack.callback(witness.close)
        return witness

    def _opened(self, folder: DataFolder) -> Database:
        """A connection; each thread has its own."""
        database = open_database(folder.database)
        self._stack.callback(database.close)
        return database

    def _registry(self, folder: DataFolder) -> Registry:
        registry = Registry(self._opened(folder))
        self._stack.callback(registry.close)
        return registry

    def _presses(self) -> Presses:
        presses = self.presses = Presses(processes_of(self._settings))
        # Before the worker, which uses them until it has served what was received.
        self._stack.callback(presses.close)
        return presses

    def _start_broker(self, folder: DataFolder) -> EmbeddedBroker:
        broker = embedded_broker(self._settings, self._registry(folder))
        broker.start()
        self._stack.callback(broker.stop)
        self.port = broker.port
        return broker

    def _retention(self, database: Database) -> Retention:
        archive = LogArchive(database, keeping_of(self._settings))
        every_ms = self._settings.retention.every_s * 1000
        return Retention(archive, every_ms=every_ms, trouble=self._trouble)

    def _worker_on(self, engine: Engine, database: Database) -> Worker:
        return Worker(
            engine,
            batch_messages=self._settings.limits.batch_messages,
            trouble=self._trouble,
            ended=self._ended.set,
            book=TrafficBook(database),
            retention=self._retention(database),
        )

    def _make_link(
        self, worker: Worker, address: Address, status: Mapping[str, object], shelf: GatheredStore
    ) -> Link:
        """The link to the broker, and the worker behind it started."""
        rules, subscribed = self._settings.rules, shelf.filters()
        shelf.keep_filters([*subscribed, *rules.filters])
        link = self.link = Link(
            host=address.url.host,
            port=address.url.port,
            username=address.username,
            password=address.password,
            receive=worker.receive,
            state=self._link_changed,
            tls=address.tls(),
            filters=rules.filters,
            unwanted=[topic for topic in subscribed if topic not in rules.filters],
            refused=self._trouble,
            details=status,
        )
        worker.start(link)
        # Stopping goes backwards: what was received is served first, then the connection ends.
        self._stack.callback(link.stop)
        self._stack.callback(worker.stop)
        return link

    def _start_link(self, link: Link) -> None:
        link.start()
        if not self._settled.wait(_READY_SECONDS) or not self._online:
            raise self._link_error or Unavailable(f"no answer from the broker at {self.url}", code="broker")

    def _start_watcher(
        self,
        worker: Worker,
        folder: DataFolder,
        embedded: EmbeddedBroker | None,
        heartbeat: Heartbeat,
        make_keeper: Callable[..., RuleKeeper],
    ) -> None:
        registry = self._registry(folder)
        files = BrokerFiles(self._settings, registry) if self._settings.broker.mosquitto_folder else None
        keeper = self._keeper = make_keeper(
            source=self._source,
            settings=self._settings,
            embedded=embedded,
            files=files,
            log=self._log,
            trouble=self._trouble,
        )
        keeper.announce()
        changed: list[Callable[[], object]] = [worker.look_again]
        if files is not None:
            changed.append(files.keep)

        def look() -> None:
            heartbeat.beat()
            keeper.look()

        watcher = Watcher(
            registry,
            revoked=self._revoked if embedded is None else embedded.disconnect,
            changed=changed,
            identity=folder.identity,
            gone=self._end,
            trouble=self._trouble,
            beat=look,
        )
        heartbeat.beat()
        self._stack.callback(lambda: heartbeat.beat(at_once=True))
        watcher.start()
        self._stack.callback(watcher.stop)

    def reread(self) -> None:
        """Read the ingest rules again within a second; also in a signal's handler."""
        if self._keeper is not None:
            self._keeper.reread()

    def stop(self) -> None:
        """Serve what was received, then end everything; idempotent."""
        self._stack.close()
        self._ended.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the service has ended, by `stop` or by a fault of its own, which the log tells.

        Args:
            timeout: seconds; ``None`` waits for ever.

        Returns:
            whether it has.
        """
        return self._ended.wait(timeout)

    @property
    def fault(self) -> Exception | None:
        """What ended it, where that was not `stop`."""
        return self._fault or (self._worker.fault if self._worker is not None else None)

    # Told by the threads

    def _link_changed(self, state: LinkState) -> None:
        self._online = state.phase is Phase.ONLINE
        if state.phase is Phase.ONLINE:
            self._link_error = None
            self._log.info("broker online", url=self.url, session_present=state.session_present)
            self._settled.set()
        elif state.phase is Phase.OFFLINE and state.error is not None:
            if str(state.error) != str(self._link_error):
                # Not again at each attempt.
                self._trouble(state.error)
            self._link_error = state.error
            if isinstance(state.error, Denied):
                self._settled.set()

    def _trouble(self, error: Exception) -> None:
        """Told to the operator: what the service cannot mend itself, and goes on trying."""
        if isinstance(error, TidelogError):
            self._log.error(str(error), code=error.code, hint=error.hint)
        else:
            self._log.error("a fault of the service's own", exc_info=error)

    def _end(self, error: TidelogError) -> None:
        """Going on would do harm: whoever waits in `wait` is to stop the service."""
        self._trouble(error)
        self._fault = error
        self._ended.set()

    def _revoked(self, device: str) -> None:
        """A broker that cuts a client for a changed password does not publish its will."""
        if self.link is not None:
            self.link.publish(status_topic(device), Presence.OFFLINE.payload, retain=True)
        self._log.info("device revoked", device=device)
