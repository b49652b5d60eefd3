"""The container's health check: ends with 0 where the broker that the service uses takes connections.

The service itself is process 1: where it ends, the container does.
"""

# ruff: noqa: INP001 - a script, copied into the image by itself
from __future__ import annotations

import os
import socket
import sys
from urllib.parse import urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
TIMEOUT_S = 3.0


def target(environment: dict[str, str]) -> tuple[str, int]:
    """Host and port of the broker: ``broker.url``, or the embedded one in this container."""
    url = urlsplit(environment.get("TIDELOG_BROKER__URL", ""))
    if url.hostname:
        return url.hostname, url.port or PORTS[url.scheme]
    return "127.0.0.1", int(environment.get("TIDELOG_BROKER__PORT", "1883"))


def main() -> int:
    """Try once.

    Returns:
        the exit status.
    """
    host, port = target(dict(os.environ))
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError as error:
        sys.stderr.write(f"{host}:{port}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
