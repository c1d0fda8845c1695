"""The subscriber's side: a grant's topic becomes an iterator, a table or lines.

topic     Kafka: the grant's topic, partitions assigned explicitly
schemas   registry: view and key schemas by id
decode    message -> Delivery
reading   the three together: batches from stored positions
copies    which copies are open, what an end removes
sinks     SQLite and JSON lines exactly once, stdout at least once
receive   the loop of `gongyu-subscriber receive`
read      the iterator
"""

from gongyu_consumers.delivery import Copy, Delivery, Source
from gongyu_consumers.read import Deliveries, read_grant

__all__ = ["Copy", "Deliveries", "Delivery", "Source", "read_grant"]
