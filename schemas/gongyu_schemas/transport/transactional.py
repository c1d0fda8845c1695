"""A transactional producer that is thrown away on every failure.

librdkafka does not implement KIP-890: after a timeout or an ambiguous answer to a commit, a late EndTxn could land in
a later transaction of the same producer. So after *any* failure the producer is destroyed and made anew with the same
transactional id; `init_transactions` then fences the old one and settles what it left. The caller redoes
everything since `begin`, after reading from Kafka what really was committed.
Decision: one reaction to all failures, because telling harmless from ambiguous ones is where such code goes wrong.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from gongyu_schemas.errors import FatalError, KafkaUnavailable, TransientError
from gongyu_schemas.transport.clients import client_config
from gongyu_schemas.transport.profile import Profile

DeliveryCallback = Callable[[KafkaError | None, Message], None]
Headers = list[tuple[str, str | bytes | None]]

#: A takeover waits at most this long for a dead process's open transaction to be aborted.
TRANSACTION_TIMEOUT_MS = 10_000
#: The client's own limit; what a topic takes is the topic's to say.
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
#: So long a new producer waits for its coordinator, unless told otherwise: a broker that restarts is back by then.
CONNECT_TIMEOUT_S = 30.0
_CALL_TIMEOUT_S = 10.0
_GRACE_S = 2.0
_BACK_OFF_S = 0.2
_FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


class TransactionLost(TransientError):
    """The open transaction is gone; whether it was committed must be read from Kafka."""


class Fenced(FatalError):
    """Another process has taken over this transactional id, or may have: this one must stop."""


class TransactionalProducer:
    """`begin`, `produce`, `commit`; any failure raises TransactionLost (with a fresh producer in place) or Fenced.

    `fenced_is_final`: a fenced producer has been replaced by another process and must not come back. False for a group member
    with a static identity: there the group itself ends the one that was replaced, and a producer may also be
    fenced because its transaction timed out while the brokers were away. `connect_timeout_s` None: try until
    `stopping` says so.
    """

    def __init__(
        self,
        profile: Profile,
        transactional_id: str,
        *,
        connect_timeout_s: float | None = CONNECT_TIMEOUT_S,
        fenced_is_final: bool = True,
        stopping: Callable[[], bool] = lambda: False,
        **more: Any,
    ) -> None:
        settings: dict[str, Any] = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "partitioner": "murmur2_random",
            "linger.ms": 50,  # a flush, and so every commit, does not wait for it
            "batch.size": 262_144,
            "retry.backoff.ms": 20,  # send_offsets right after a commit is told to retry: soon
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 131_072,
            "message.max.bytes": MESSAGE_BYTES_MAX,
            **more,
        }
        self.transactional_id = transactional_id
        self._config = client_config(profile, **settings)
        self._connect_timeout_s = connect_timeout_s
        self._fenced_is_final = fenced_is_final
        self._stopping = stopping
        self._producer = self._connect()

    def begin(self) -> None:
        with self._failures():
            self._producer.begin_transaction()

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        headers: Headers | None = None,
        on_delivery: DeliveryCallback | None = None,
    ) -> None:
        """Queue one message; waits while the local queue is full (back-pressure instead of memory)."""
        options: dict[str, Any] = {}
        if headers is not None:
            options["headers"] = headers
        if on_delivery is not None:
            options["on_delivery"] = on_delivery
        with self._failures():
            while True:
                try:
                    self._producer.produce(topic, value, key, partition, **options)
                    return
                except BufferError:
                    self._producer.poll(0.05)

    def produce_many(self, topic: str, values: Iterable[bytes | None], keys: Iterable[bytes | None], partitions: Iterable[int]) -> None:
        """Queue messages given as columns, in order: the quick way for many."""
        produce = self._producer.produce
        for value, key, partition in zip(values, keys, partitions, strict=True):
            try:
                produce(topic, value, key, partition)
            except (BufferError, KafkaException):
                self.produce(topic, value, key, partition)
        self.poll()

    def poll(self) -> None:
        """Serve delivery callbacks."""
        with self._failures():
            self._producer.poll(0)

    def commit(self, offsets: list[TopicPartition] | None = None, group_metadata: object | None = None) -> None:
        """Commit the transaction with these consumer offsets; delivery callbacks have been served on return."""
        with self._failures():
            left = self._producer.flush(_CALL_TIMEOUT_S)
            if left:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} messages not delivered"))
            producer = self._producer
            if offsets:
                _bounded(lambda: producer.send_offsets_to_transaction(offsets, group_metadata, _CALL_TIMEOUT_S))
            _bounded(lambda: producer.commit_transaction(_CALL_TIMEOUT_S))

    def abandon(self) -> None:
        """Give up the open transaction: a fresh producer, the old one fenced and its transaction aborted."""
        self._recycle()

    def close(self) -> None:
        """Abort what is open and let go. Failures are of no consequence: the broker aborts it by time."""
        try:
            self._producer.abort_transaction(2.0)
        except KafkaException:
            self._producer.purge()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raises TransactionLost or Fenced for every failure inside."""
        try:
            yield
        except KafkaException as error:
            raise self._lost(error) from error
        except SystemError as error:
            # A delivery callback that is called while the client already has an error to raise ends as this (confluent-kafka 2.16).
            cause = error.__cause__ or error.__context__
            if not isinstance(cause, KafkaException):
                raise
            raise self._lost(cause) from error

    def _lost(self, error: KafkaException) -> TransactionLost | Fenced:
        cause = self._find_cause(error)
        if self._fenced_is_final and cause.code() in _FENCED:
            # A transaction that the broker ended by its time-out looks the same from here; stopping is right in both cases.
            return Fenced(
                f"another process took over transactional id {self.transactional_id!r}, or this one stood still "
                f"for longer than a transaction may last; it stops, start it again if no other runs ({cause.str()})"
            )
        self._recycle()
        return TransactionLost(f"transaction of {self.transactional_id!r} lost: {cause.name()}: {cause.str()}")

    def _find_cause(self, error: KafkaException) -> KafkaError:
        """`produce` says of a fenced producer only that it failed for good: taking that for a loss would take the id back."""
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError._FATAL:
            try:
                self._producer.begin_transaction()  # a local call, whose answer after a fatal error is that error
            except KafkaException as fatal:
                cause = fatal.args[0]
        return cause

    def _recycle(self) -> None:
        _let_go(self._producer)
        self._producer = self._connect()

    def _connect(self) -> Producer:
        """A new producer whose `init_transactions` has fenced and settled the one before."""
        deadline = None if self._connect_timeout_s is None else time.monotonic() + self._connect_timeout_s
        while True:
            producer = Producer(self._config)
            try:
                producer.init_transactions(_CALL_TIMEOUT_S)
                return producer
            except KafkaException as error:
                cause: KafkaError = error.args[0]
            if cause.code() in (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
                raise KafkaUnavailable(f"no right to use transactional id {self.transactional_id!r}: {cause.str()}")
            if self._stopping() or (deadline is not None and time.monotonic() > deadline):
                raise KafkaUnavailable(f"no transaction coordinator for {self.transactional_id!r}: {cause.str()}")
            time.sleep(_BACK_OFF_S)


def _bounded(call: Callable[[], None]) -> None:
    """A call that ends: librdkafka 2.16 may wait in `send_offsets_to_transaction` for ever when the coordinator restarts meanwhile."""
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
        except (KafkaException, SystemError) as error:
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_CALL_TIMEOUT_S + _GRACE_S)
    if not outcome:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the client does not come back"))
    if outcome[0] is not None:
        raise outcome[0]


def _let_go(producer: Producer) -> None:
    """Destroy it aside: a producer in trouble may take its time."""
    threading.Thread(target=lambda: producer.purge(blocking=False), daemon=True).start()
