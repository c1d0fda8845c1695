"""Free loopback ports."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
#: Below the range from which systems take ports for outgoing connections (Linux: from 32768, IANA: from 49152), so
#: that a port kept between starts is not taken by some connection meanwhile.
_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """True if a server can listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As servers do: connections of an earlier server that are still winding down do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that is free now and unlikely to be taken soon."""
    return next(port for port in random.SystemRandom().sample(_RANGE, len(_RANGE)) if is_free(port))
