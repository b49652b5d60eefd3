"""Where the broker is and how to speak to it: ``mqtt://host:port?v=5``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from tidelog.wire.errors import UsageError

PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""Schemes and their default ports (IANA: mqtt, secure-mqtt, http, https)."""

ALIASES: Final = {"tcp": "mqtt", "ssl": "mqtts", "tls": "mqtts", "http": "ws", "https": "wss"}
"""Schemes that other clients use, for the hint."""

VERSIONS: Final = {"3.1.1": False, "5": True}

KEEPALIVE_S_DEFAULT: Final = 60
KEEPALIVE_S_MIN: Final = 5
"""Below this a slow round trip passes for a dead link."""
KEEPALIVE_S_MAX: Final = 65_535
"""MQTT 3.1.1 section 3.1.2.10: two bytes; 0 would mean that a dead link is never noticed."""

_PORT_STOP: Final = 65_536
_HINT: Final = "for example mqtt://127.0.0.1:1883, mqtts://broker.example, ws://broker.example/mqtt?v=5"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """A broker's address; made by `parse`.

    Attributes:
        scheme: ``mqtt``, ``mqtts``, ``ws`` or ``wss``.
        host: a name or an address, IPv6 without brackets.
        port: from 1 to 65,535.
        path: of WebSocket, else empty.
        version5: whether to speak MQTT 5 instead of 3.1.1.
        keepalive_s: the longest silence on the link, in seconds, before a ping.
        ca: a file with the certificates to trust instead of the system's, or empty.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    version5: bool = False
    keepalive_s: int = KEEPALIVE_S_DEFAULT
    ca: str = ""

    @property
    def tls(self) -> bool:
        """Whether the link is encrypted; certificates are always checked."""
        return self.scheme in ("mqtts", "wss")

    @property
    def websocket(self) -> bool:
        """Whether MQTT travels in WebSocket frames."""
        return self.scheme in ("ws", "wss")

    @property
    def authority(self) -> str:
        """``host:port`` as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        """Scheme, host, port and path; never more, so that it may be logged."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL.

        Args:
            text: ``SCHEME://HOST[:PORT][/PATH][?v=3.1.1|5][&keepalive=SECONDS][&ca=FILE]``; a path only
                with WebSocket (there ``/mqtt`` by default).

        Raises:
            UsageError: code ``url``. There is no option that turns off the check of certificates (``ca``
                names a private authority), and credentials have no place in a URL: it ends up in logs.
        """
        parts = _split(text)
        options = _options(parts.query)
        keepalive = _number("keepalive", options.pop("keepalive", str(KEEPALIVE_S_DEFAULT)))
        if not KEEPALIVE_S_MIN <= keepalive <= KEEPALIVE_S_MAX:
            raise _wrong(f"keepalive is {keepalive}, not {KEEPALIVE_S_MIN} to {KEEPALIVE_S_MAX} seconds")
        url = cls(
            scheme=parts.scheme,
            host=_host(parts),
            port=_port(parts),
            path=_path(parts),
            version5=_version5(options.pop("v", "3.1.1")),
            keepalive_s=keepalive,
            ca=options.pop("ca", ""),
        )
        if options:
            raise _wrong(
                f"it has unknown options: {', '.join(sorted(options))}", hint="known: v, keepalive, ca"
            )
        if url.ca and not url.tls:
            raise _wrong("ca needs an encrypted link", hint="use mqtts:// or wss://")
        return url


def _wrong(what: str, *, hint: str = _HINT) -> UsageError:
    return UsageError(f"not a broker's URL: {what}", code="url", hint=hint)


def _split(text: str) -> SplitResult:
    # urlsplit drops tabs and line ends in silence.
    if any(char <= " " or char == "\x7f" for char in text):
        raise _wrong("it has a space or a control character")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise _wrong(str(error)) from error
    # Before anything that could repeat the text in a message.
    if "@" in parts.netloc:
        raise _wrong(
            "it has credentials, and URLs end up in logs",
            hint="leave user and password out: they are given as device and secret",
        )
    if parts.scheme not in PORTS or not parts.netloc:
        raise _wrong(f"the scheme is none of {', '.join(PORTS)}", hint=_scheme_hint(text, parts.scheme))
    if parts.fragment:
        raise _wrong("it has a fragment (#)")
    return parts


def _scheme_hint(text: str, scheme: str) -> str:
    if scheme in ALIASES:
        return f"write {ALIASES[scheme]}:// instead of {scheme}://"
    if "://" not in text and text:
        return f"write mqtt://{text}"
    return _HINT


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise _wrong("its host name cannot be") from error
    if not host:
        raise _wrong("it has no host")
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise _wrong("its port is not a number from 1 to 65535") from error
    if port is None:
        return PORTS[parts.scheme]
    if not 0 < port < _PORT_STOP:
        raise _wrong("its port is not a number from 1 to 65535")
    return port


def _path(parts: SplitResult) -> str:
    if parts.scheme in ("ws", "wss"):
        return parts.path if parts.path not in ("", "/") else "/mqtt"
    if parts.path not in ("", "/"):
        raise _wrong(f"{parts.scheme} has no path", hint="paths are for ws:// and wss://")
    return ""


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise _wrong("its options are not of the form name=value&name=value") from error
    options = dict(pairs)
    if len(options) < len(pairs):
        raise _wrong("an option is given twice")
    if "insecure" in options:
        raise _wrong("certificates are always checked", hint="name a private authority with ca=FILE")
    return options


def _version5(text: str) -> bool:
    if text not in VERSIONS:
        raise _wrong(f"MQTT version {text[:16]!r} is not spoken", hint="v=3.1.1 (the default) or v=5")
    return VERSIONS[text]


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < len("1000000")):
        raise _wrong(f"{name} is not a number")
    return int(text)
