"""Where the control plane listens: the address it was given or had before, on which it is served until it stops."""

from __future__ import annotations

from fastapi import FastAPI

from gongyu_hub.gateway.server import Server, take_port
from gongyu_hub.registry.database import Database

_PORT = "port"


def listen(app: FastAPI, database: Database, address: tuple[str, int]) -> tuple[Server, str]:
    """The server, started, and its URL. Port 0: the one used before, else any free one. Raises ConfigError."""
    host, port = address
    kept = database.setting(_PORT)
    listener = take_port(host, port or int(kept or 0), kept=port == 0 and kept is not None)
    port = listener.getsockname()[1]
    database.keep_setting(_PORT, str(port))
    server = Server(app, listener)
    server.start()
    return server, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
