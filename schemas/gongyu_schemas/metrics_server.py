"""Metrics at an address, for Prometheus: how `--metrics HOST:PORT` is read, and the server, from opening to closing.

Only what has metrics imports this: the owner's side needs no Prometheus client.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.plain_words import why

_LOOPBACK = "127.0.0.1"
_PORT_MAX = 65_535
_CLOSE_S = 5.0


def read_address(text: str) -> tuple[str, int]:
    """(host, port) of HOST:PORT; without a host loopback, an IPv6 one in brackets or not. Raises ConfigError."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > _PORT_MAX:
        raise ConfigError(f"--metrics {text!r} is not HOST:PORT, for example 127.0.0.1:9102 or :9102; port 0 is any free one")
    return host.strip("[]") or _LOOPBACK, int(port)


@contextmanager
def serving(registry: CollectorRegistry, host: str, port: int) -> Iterator[str]:
    """The address in use, HOST:PORT. Raises ConfigError where it is taken or this machine has none such."""
    shown = f"[{host}]" if ":" in host else host
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise ConfigError(f"metrics address {shown}:{port} cannot be used: {why(error)}; give another with --metrics") from error
    try:
        yield f"{shown}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_CLOSE_S)
