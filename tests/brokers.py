"""Real brokers for tests, on free loopback ports, with the files that the service generates."""

from __future__ import annotations

import getpass
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from components import program
from tidelog_service.engine.secrets import mosquitto_hash
from tidelog_service.mqtt.mosquitto import CONF, MosquittoSetup, TlsFiles, reload, write_mosquitto_files

HOST = "127.0.0.1"
SERVICE_PASSWORD = "the-service-itself"
START_S = 10.0


@dataclass(kw_only=True)
class RunningBroker:
    """A Mosquitto of the test's own.

    Attributes:
        host: where it listens.
        port: TCP port for MQTT.
        setup: what its files are made from.
        service_password: of the user ``service``.
        devices: secrets by device.
        process: the broker; replaced by `restart`.
    """

    host: str
    port: int
    setup: MosquittoSetup
    service_password: str
    devices: dict[str, str]
    process: subprocess.Popen[bytes]
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self.process.pid

    def add_device(self, device: str, secret: str) -> None:
        """Let a device in, while running."""
        self.devices[device] = secret
        self._reload()

    def revoke_device(self, device: str) -> None:
        """Keep a device out, while running."""
        del self.devices[device]
        self._reload()

    def restart(self) -> None:
        """Start it again on the same port, after `stop` or `kill`."""
        self.process = _run(self.setup)

    def stop(self) -> None:
        """End it in good order: it saves its sessions. Idempotent."""
        self.process.terminate()
        self.process.wait(10)

    def kill(self) -> None:
        """End it as a power cut would. Idempotent."""
        self.process.kill()
        self.process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _reload(self) -> None:
        self.write()
        reload(self.pid)

    def write(self) -> None:
        """Write the files as `devices` says, without telling the broker."""
        # Salts stay as they are: a device whose hash changes is cut.
        self.hashes = {
            device: self.hashes.get(device) or mosquitto_hash(secret)
            for device, secret in self.devices.items()
        }
        write_mosquitto_files(self.setup.folder, self.setup, self.hashes.items())


def start_mosquitto(
    folder: Path,
    *,
    devices: Mapping[str, str],
    filters: tuple[str, ...] = (),
    tls: TlsFiles | None = None,
    websockets: bool = False,
) -> RunningBroker:
    """Start a Mosquitto on generated files.

    Args:
        folder: an empty folder of the test's own.
        devices: secrets by device.
        filters: what every device may publish to beside its own topics, and the service reads.
        tls: certificate and key, for TLS.
        websockets: whether to listen for WebSocket too, on `setup.websockets_port`.

    Returns:
        the broker, ready for connections; stop it, or use it in a ``with`` statement.
    """
    program("mosquitto")
    setup = MosquittoSetup(
        folder=folder,
        data_dir=folder,
        port=free_port(),
        service_hash=mosquitto_hash(SERVICE_PASSWORD),
        websockets_port=free_port() if websockets else None,
        tls=tls,
        filters=filters,
        patterns=filters,
        user=getpass.getuser(),
    )
    hashes = {device: mosquitto_hash(secret) for device, secret in devices.items()}
    write_mosquitto_files(folder, setup, hashes.items())
    return RunningBroker(
        host=HOST,
        port=setup.port,
        setup=setup,
        service_password=SERVICE_PASSWORD,
        devices=dict(devices),
        hashes=hashes,
        process=_run(setup),
    )


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def eventually(condition: Callable[[], object], *, seconds: float = 5.0, why: str = "") -> None:
    """Poll until the condition holds.

    Raises:
        AssertionError: it did not within that time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why or "it did not happen in time"
        time.sleep(0.005)


def listens(port: int) -> bool:
    """Whether a server takes connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _run(setup: MosquittoSetup) -> subprocess.Popen[bytes]:
    log = setup.data_dir / "mosquitto.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program("mosquitto"), "-c", str(setup.folder / CONF)], stdout=output, stderr=output
        )
    deadline = time.monotonic() + START_S
    ports = [port for port in (setup.port, setup.websockets_port) if port is not None]
    while not all(map(listens, ports)):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"Mosquitto does not start: {log.read_text()}")
        time.sleep(0.01)
    return process
