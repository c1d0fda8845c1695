"""Listening: a loopback socket taken before anything else starts, and uvicorn on it in a thread."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

import uvicorn
from fastapi import FastAPI

from gongyu_schemas.errors import ConfigError, FatalError
from gongyu_schemas.plain_words import why

#: Requests at once; more are answered 503. Slow refusals of wrong passwords are held open and count.
_CONCURRENCY_MAX = 256


def read_address(listen: str) -> tuple[str, int]:
    """`HOST:PORT` on loopback. Raises ConfigError."""
    host, colon, port = listen.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        raise ConfigError(f"--listen {listen!r} is not ADDRESS:PORT, for example 127.0.0.1:8081") from None
    if not colon or not 0 <= number <= 65535:
        raise ConfigError(f"--listen {listen!r}: the port must be 0 to 65535")
    if not address.is_loopback:
        raise ConfigError(f"--listen {listen!r}: only loopback addresses, because passwords travel in clear; put a TLS proxy before it")
    return str(address), number


def take_port(host: str, port: int, *, kept: bool) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises ConfigError where the port is occupied."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends answers at once (TCP_NODELAY); else each waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Only sockets in TIME_WAIT of our own earlier run are passed over, never a listening one.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        advice = "give another --listen"
        if kept:
            advice = "stop what uses it, or give --listen with another port (profiles then get the new address)"
        raise ConfigError(f"port {port} on {host} cannot be used: {why(error)}; {advice}") from error
    return listener


class Server:
    """uvicorn in its own thread between `start` and `stop`."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, limit_concurrency=_CONCURRENCY_MAX, timeout_graceful_shutdown=3)
        self._server = uvicorn.Server(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)

    def start(self, timeout_s: float = 10.0) -> None:
        self._thread.start()
        deadline = time.monotonic() + timeout_s
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise FatalError("the HTTP server did not start; start again with GONGYU_DEBUG=1 and report it")
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()
