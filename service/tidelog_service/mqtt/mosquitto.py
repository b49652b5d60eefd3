"""What Mosquitto needs to serve Tidelog: configuration, access rules, passwords; and how it hears of changes.

A running broker reads password file and access rules again on SIGHUP. What then happens was measured on
2.0.11, and a test holds it:

- it checks the password of every connected client anew and cuts those that no longer pass, revoked devices
  and changed secrets alike, 20-50 ms after the signal; the others notice nothing. So revoking a device is:
  write the files without it, then `reload`. No rule that denies anything is needed.
- the will of a client that is cut so is **not** published: its retained status stays "online" until the
  service, which may write ``tl1/<device>/status``, says otherwise.
- the check takes some 0.1 ms for each connected client (3,000: 0.27-0.43 s), and the broker does nothing
  else meanwhile. Put several changes into one reload; beyond some 8,000 connected clients a revocation takes
  longer than a second.
- a subscription to a foreign topic is granted, and then nothing is delivered; a foreign publication is
  acknowledged, and dropped.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidelog.wire.errors import Unavailable, UsageError
from tidelog.wire.limits import PACKET_BYTES_MAX
from tidelog.wire.topics import PREFIX, SERVICE, SERVICE_STATUS, SERVICE_SUBSCRIPTIONS, checked_device
from tidelog_service.engine.rules import OWN, checked_filter
from tidelog_service.engine.topic_filters import ONE

CONF: Final = "mosquitto.conf"
ACL: Final = "mosquitto.acl"
PASSWD: Final = "mosquitto.passwd"  # noqa: S105 - a file name
PID: Final = "mosquitto.pid"

PACKET_OVERHEAD_BYTES: Final = 1_024
"""Added to the largest payload: fixed header, topic and MQTT 5 properties. What exceeds the protocol's limit
by less still reaches the service, which answers it; what exceeds it by more ends the connection."""

QUEUED_MESSAGES_MAX: Final = 1_000_000
"""For a service that is down: beyond it messages are dropped, and devices send them again for want of a
receipt. 0, no limit, makes 2.0.11 disconnect clients whose publication the access rules deny."""

AUTOSAVE_S: Final = 30
"""What a broker that is killed forgets at most, in seconds; devices send it again for want of a receipt."""

_HASH: Final = re.compile(r"\$7\$[1-9][0-9]{0,6}\$[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]+={0,2}")
_MODES: Final = {PASSWD: 0o600}
_MODE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the broker finds what TLS needs, in PEM.

    Attributes:
        certificate: its certificate and the chain above it.
        key: the key to it.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MosquittoSetup:
    """What stays the same while devices come and go.

    Attributes:
        folder: where the files are, as the broker sees it.
        data_dir: where the broker keeps sessions and its process id; it must be able to write there.
        port: TCP port for MQTT.
        service_hash: of the service's password, see `tidelog_service.engine.secrets.mosquitto_hash`.
        listener_host: the address to listen on.
        websockets_port: TCP port for MQTT over WebSocket; ``None`` for no such listener.
        tls: for TLS on every listener; ``None`` for none.
        filters: ingest rules' topic filters, which the service reads.
        patterns: what devices may publish to for them; ``%u`` in one stands for the device's own id.
        user: the account that Mosquitto changes to where root starts it; it must be able to read the files.
    """

    folder: Path
    data_dir: Path
    port: int
    service_hash: str
    listener_host: str = "127.0.0.1"
    websockets_port: int | None = None
    tls: TlsFiles | None = None
    filters: Sequence[str] = ()
    patterns: Sequence[str] = ()
    user: str = ""


def mosquitto_files(setup: MosquittoSetup, device_hashes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The files that Mosquitto needs.

    Args:
        setup: the broker.
        device_hashes: each device that may connect, with the hash of its secret.

    Returns:
        the text of ``mosquitto.conf``, ``mosquitto.acl`` and ``mosquitto.passwd``; equal for equal input.

    Raises:
        UsageError: a name, hash, filter or path that Mosquitto would misread.
    """
    return {
        PASSWD: _passwords(setup.service_hash, sorted(device_hashes)),
        ACL: _rules(setup),
        CONF: _configuration(setup),
    }


def write_mosquitto_files(
    folder: Path, setup: MosquittoSetup, device_hashes: Iterable[tuple[str, str]]
) -> frozenset[str]:
    """Write the files that differ, each at once or not at all; the password file for the owner only.

    Args:
        folder: where to, as this process sees it; created if missing.
        setup: the broker.
        device_hashes: each device that may connect, with the hash of its secret.

    Returns:
        the names of the files that have changed: where there are any, a running broker needs `reload`.

    Raises:
        UsageError: see `mosquitto_files`.
        Unavailable: the folder cannot be written.
    """
    files = mosquitto_files(setup, device_hashes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return frozenset(name for name, text in files.items() if _replace(folder / name, text))
    except OSError as error:
        raise Unavailable(
            f"cannot write Mosquitto's files into {folder}: {error.strerror or error}",
            code="broker_files",
            hint="the service must own the folder",
        ) from error


def reload(process: int | Path) -> None:
    """Have a running Mosquitto read its files again.

    Args:
        process: its process id, or the file that holds it (``mosquitto.pid`` in `MosquittoSetup.data_dir`).

    Raises:
        Unavailable: no such broker runs on this machine, or it belongs to somebody else.
    """
    try:
        pid = process if isinstance(process, int) else int(process.read_text("ascii"))
        _check_is_mosquitto(pid)
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"cannot tell Mosquitto ({process}) to read its files again: {error}",
            code="broker_reload",
            hint="is it running on this machine, under the service's account? Otherwise send it SIGHUP, "
            "or run it as docker/mosquitto-entrypoint.sh does",
        ) from error


def _check_is_mosquitto(pid: int) -> None:
    """SIGHUP ends most programs, and a process id from an old file may be anybody's by now.

    Raises:
        OSError: it is another program.
    """
    name = Path(f"/proc/{pid}/comm")
    if name.parent.parent.exists() and "mosquitto" not in name.read_text("utf8"):
        raise ProcessLookupError(f"process {pid} is another program")


def _configuration(setup: MosquittoSetup) -> str:
    lines = [
        *([f"user {_checked_value(setup.user)}"] if setup.user else []),
        f"pid_file {_checked_value(setup.data_dir / PID)}",
        "allow_anonymous false",
        f"password_file {_checked_value(setup.folder / PASSWD)}",
        f"acl_file {_checked_value(setup.folder / ACL)}",
        "max_inflight_messages 0",
        f"max_queued_messages {QUEUED_MESSAGES_MAX}",
        f"max_packet_size {PACKET_BYTES_MAX + PACKET_OVERHEAD_BYTES}",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {_checked_value(setup.data_dir)}/",
        f"autosave_interval {AUTOSAVE_S}",
        *_listener(setup, setup.port),
    ]
    if setup.websockets_port is not None:
        lines += [*_listener(setup, setup.websockets_port), "protocol websockets"]
    return _text(lines)


def _listener(setup: MosquittoSetup, port: int) -> list[str]:
    lines = [f"listener {port} {_checked_value(setup.listener_host)}", "use_username_as_clientid true"]
    if setup.tls:
        lines += [
            f"certfile {_checked_value(setup.tls.certificate)}",
            f"keyfile {_checked_value(setup.tls.key)}",
            "tls_version tlsv1.2",
        ]
    return lines


def _rules(setup: MosquittoSetup) -> str:
    filters = [checked_filter(each) for each in setup.filters]
    patterns = [each for each in setup.patterns if checked_filter(each.replace(OWN, ONE))]
    reads = [topic for topic, _ in SERVICE_SUBSCRIPTIONS if topic != f"{PREFIX}/+/status"]
    return _text(
        [
            f"user {SERVICE}",
            *(f"topic read {each}" for each in (*reads, *filters)),
            f"topic readwrite {PREFIX}/+/status",
            f"topic write {PREFIX}/+/re",
            *(f"pattern write {PREFIX}/%u/{each}" for each in ("msg", "msg/#", "put/#", "sync", "status")),
            *(f"pattern write {each}" for each in patterns),
            f"pattern read {PREFIX}/%u/re",
            f"pattern read {SERVICE_STATUS}",
        ]
    )


def _passwords(service_hash: str, devices: Sequence[tuple[str, str]]) -> str:
    accounts = [(SERVICE, service_hash), *((checked_device(name), stored) for name, stored in devices)]
    return _text([f"{name}:{_checked_hash(name, stored)}" for name, stored in accounts])


def _checked_hash(name: str, stored: str) -> str:
    if not _HASH.fullmatch(stored):
        raise UsageError(f"the secret of {name!r} is not in the form $7$...", code="secret_hash")
    return stored


def _checked_value(value: object) -> str:
    """A value that ends where its line does.

    Raises:
        UsageError: Mosquitto would read something else.
    """
    text = str(value)
    if not text.isprintable() or text != text.strip() or not text:
        raise UsageError(f"not a value for Mosquitto's files: {text!r}", code="broker_files")
    return text


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> bool:
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    mode = _MODES.get(path.name, _MODE)
    # The name is of this process alone, and never seen by the broker.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(handle, "wb") as file:  # noqa: PTH123 - pathlib cannot create a file with a mode
        os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)
    draft.replace(path)
    return True
