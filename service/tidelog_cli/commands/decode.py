"""``tidelog decode``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from tidelog.wire.errors import ProtocolError
from tidelog_cli import options
from tidelog_cli.exits import ExitCode
from tidelog_cli.packets import Packet, from_line, from_stream
from tidelog_cli.rendering import described, lines
from tidelog_cli.terminal import counted, print_json, print_line, printable, styled

app = typer.Typer(add_completion=False)


@app.command()
def decode(
    frames: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEX", help="Payloads in hex. Default: lines of standard input."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what packed frames say.

    Reads payloads in hex, lines of `mosquitto_sub -F '%t %x'` or `-v`, or one raw payload on standard input:

        mosquitto_sub -i DEVICE -u DEVICE -P SECRET -t tl1/DEVICE/re -F '%t %x' |
            tidelog decode

    This reads a device's answers with the device's own account, while the device itself is not connected:
    brokers show a topic of a device to nobody else.

    A frame that does not follow the protocol is shown with what is wrong; then this ends with 5.
    """
    failed = False
    for packet in _packets(frames or from_stream(sys.stdin.buffer)):
        failed |= isinstance(packet, ProtocolError) or _failed(packet, as_json=as_json)
        if isinstance(packet, ProtocolError):
            _print_malformed(packet, "", b"", as_json=as_json)
    if failed:
        raise typer.Exit(ExitCode.PROTOCOL)


def _packets(given: Iterable[str | bytes]) -> Iterator[Packet | ProtocolError]:
    for item in given:
        try:
            yield Packet(payload=item) if isinstance(item, bytes) else from_line(item)
        except ProtocolError as error:
            yield error


def _failed(packet: Packet, *, as_json: bool) -> bool:
    """Print a packet; whether it is malformed."""
    try:
        told = described(packet)
    except ProtocolError as error:
        _print_malformed(error, packet.topic, packet.payload, as_json=as_json)
        return True
    if as_json:
        print_json(told)
        return False
    frame = dict(told["frame"])
    kind = styled(str(frame.pop("type")), "1")
    print_line(f"{_place(packet.topic)}{kind}, {told['encoding']}, {counted(told['bytes'], 'byte')}")
    for line in lines(frame):
        print_line(line)
    return False


def _print_malformed(error: ProtocolError, topic: str, payload: bytes, *, as_json: bool) -> None:
    if as_json:
        told = {"code": error.code, "message": str(error), "hint": error.hint}
        print_json(({"topic": topic} if topic else {}) | {"bytes": len(payload), "error": told})
        return
    fault = styled("malformed", "1;31")
    print_line(
        f"{_place(topic)}{fault}, {counted(len(payload), 'byte')}: {printable(str(error))} [{error.code}]"
    )


def _place(topic: str) -> str:
    return f"{printable(topic)}  " if topic else ""
