"""The subscriber's side: a grant's topic becomes an iterator, a table or lines.

topic     Kafka: the grant's topic, partitions assigned explicitly
schemas   registry: view and key schemas by id
decode    message -> Delivery
reading   the three together: batches from stored positions
copies    which copies are open, what an end removes
sinks     SQLite and JSON lines exactly once, stdout at least once
receive   the loop of `gongyu-subscriber receive`
read      the iterator

What a program imports from here is loaded when it is asked for: the command must hear Ctrl-C before anything big is loaded.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # checkers take it for the one in `typing`, which is a third of what is loaded up to there
if TYPE_CHECKING:
    from gongyu_consumers.delivery import Copy, Delivery, Source
    from gongyu_consumers.read import Deliveries, read_grant

__all__ = ["Copy", "Deliveries", "Delivery", "Source", "read_grant"]

_HOMES = {"Copy": "delivery", "Deliveries": "read", "Delivery": "delivery", "Source": "delivery", "read_grant": "read"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
