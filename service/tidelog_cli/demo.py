"""Two people, three devices and a channel to try things with, and the commands to do so (``make run``)."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tidelog.wire.topics import messages_topic, reply_topic, sync_topic
from tidelog_cli import profiles
from tidelog_cli.deployment import opened_registry
from tidelog_cli.profiles import Profile

CHANNEL: Final = "room1"
USERS: Final = ("alice", "bob")
DEVICES: Final = {"alice-phone": "alice", "alice-tablet": "alice", "bob-phone": "bob"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A device of the demonstration, with what is needed to act as it."""

    device: str
    user: str
    secret: str


def provisioned(data: Path, url: str) -> tuple[Terminal, ...]:
    """Add the demonstration to a data folder without users; later starts find it by its profiles.

    Args:
        data: the data folder; profiles and stores go to ``profiles`` in it.
        url: where the devices connect.

    Returns:
        the devices, or nothing where the folder has other users.
    """
    folder = data / "profiles"
    with opened_registry(data, create=True) as registry:
        if not registry.users():
            for user in USERS:
                registry.add_user(user)
            registry.add_channel(CHANNEL, USERS)
            for device, user in DEVICES.items():
                _keep(device, registry.add_device(user, device), url, folder)
    if not all(profiles.path_of(device, folder).exists() for device in DEVICES):
        return ()
    found = {device: profiles.read(device, folder) for device in DEVICES}
    for device, profile in found.items():
        if profile.url != url:  # the port may be another one today
            _keep(device, profile.secret, url, folder)
    return tuple(
        Terminal(device=device, user=DEVICES[device], secret=profile.secret)
        for device, profile in found.items()
    )


def _keep(device: str, secret: str, url: str, folder: Path) -> None:
    profiles.path_of(device, folder).unlink(missing_ok=True)
    store = str((folder / f"{device}.db").absolute())
    profiles.keep(device, Profile(url=url, device=device, secret=secret, store=store), folder)


def told(terminals: Sequence[Terminal]) -> list[dict[str, str]]:
    """The devices for programs."""
    return [asdict(terminal) for terminal in terminals]


def commands(data: Path, url: str, terminals: Sequence[Terminal]) -> Iterator[str]:
    """Lines to paste into other terminals: with the SDK, and with Mosquitto's clients in JSON."""
    phone, tablet, other = terminals
    yield ""
    yield f"To try it, paste these into other terminals. {' and '.join(USERS)} share the channel {CHANNEL}."
    yield ""
    yield f"{other.user} watches, {phone.user} sends, her tablet fetches what it lacks and prints it:"
    yield ""
    yield _export(data)
    yield _own(other, "watch")
    yield _own(phone, "send", CHANNEL, "hello")
    yield _own(tablet, "sync")
    yield _own(tablet, "log", CHANNEL)
    yield ""
    yield "The same without the SDK, with Mosquitto's clients in the JSON encoding: send, sync, watch"
    yield "(a sync with live makes the service push in JSON for some minutes; then sync again)."
    yield "Sync and watch are one device, so one of the two at a time: a device id has one connection;"
    yield "what a break missed, the next sync brings."
    yield ""
    hello = {"type": "message", "channel": CHANNEL, "text": "hello"}
    ask = {"type": "sync", "live": True}
    reply = reply_topic(tablet.device)
    yield _mosquitto(
        "pub", url, phone, "-q", "1", "-t", messages_topic(phone.device), "-m", json.dumps(hello)
    )
    yield _mosquitto("rr", url, tablet, "-t", sync_topic(tablet.device), "-e", reply, "-m", json.dumps(ask))
    yield _mosquitto("sub", url, tablet, "-t", reply)
    yield ""


def _export(data: Path) -> str:
    """The line that makes the short ones work in a terminal of any folder."""
    script = _script()
    found = shutil.which("tidelog")
    at_hand = script is None or (found is not None and Path(found).samefile(script))
    path = "" if script is None or at_hand else f'PATH={shlex.quote(str(script.parent))}:"$PATH" '
    return f"  export {path}TIDELOG_PROFILES={shlex.quote(str((data / 'profiles').absolute()))}"


def _own(terminal: Terminal, *words: str) -> str:
    program = ["tidelog"] if _script() else [sys.executable, "-m", "tidelog_cli"]
    return "  " + shlex.join([*program, *words, "--as", terminal.device])


def _script() -> Path | None:
    """Where the installed command is: the one called, or the one beside the interpreter."""
    places = (Path(sys.argv[0]), Path(sys.executable).parent / "tidelog")
    return next((path.absolute() for path in places if path.name == "tidelog" and path.is_file()), None)


def _mosquitto(tool: str, url: str, terminal: Terminal, *words: str) -> str:
    """A line for ``mosquitto_pub``, ``_sub`` or ``_rr``; the client id must equal the user name."""
    place = urlsplit(url)
    broker = ["-V", "311", "-h", str(place.hostname), "-p", str(place.port or 1883)]
    who = ["-i", terminal.device, "-u", terminal.device, "-P", terminal.secret]
    return "  " + shlex.join([f"mosquitto_{tool}", *broker, *who, *words])
