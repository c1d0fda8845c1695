"""The one broker of a measurement: the project's embedded Kafka, with a door for programs that know no passwords.

The peers connect without SASL, so a PLAINTEXT loopback listener is added, whose anonymous user may do everything; the job's data is
random. All systems meet this one process. Topics stamp messages when they are appended, so that times of outputs are the
broker's for everyone (the peers' own topics ask for the same).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gongyu_hub.local_kafka import LocalKafka
from gongyu_hub.local_kafka.node import Node, write_private
from gongyu_hub.local_kafka.ports import LOOPBACK, free_port
from gongyu_hub.local_kafka.properties import server_properties
from tests.waiting import wait_until

_TIMEOUT_S = 30.0
_COORDINATOR_STARTS = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
_PARTITIONS = 4  # of every input topic of the job


class BenchKafka(LocalKafka):
    """`plain`: the bootstrap address for clients without SASL."""

    @property
    def plain(self) -> str:
        return f"{LOOPBACK}:{self._plain_port}"

    def _write_properties(self, node: Node) -> None:
        self._plain_port = free_port()
        lines = server_properties(node, free_port()).splitlines()
        settings = dict(line.split("=", 1) for line in lines)
        door = f",PLAIN://{self.plain}"
        settings["listeners"] += door
        settings["advertised.listeners"] += door
        settings["listener.security.protocol.map"] += ",PLAIN:PLAINTEXT"
        settings["super.users"] += ";User:ANONYMOUS"
        settings["log.message.timestamp.type"] = "LogAppendTime"
        write_private(self._home / "server.properties", "".join(f"{name}={value}\n" for name, value in settings.items()))


class Broker:
    """What a measurement asks the broker."""

    def __init__(self, bootstrap: str, pid: int) -> None:
        self.bootstrap = bootstrap
        self.pid = pid
        self._client: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}  # the broker's end is no news
        self._admin = AdminClient(self._client)
        self._askers: dict[str, Consumer] = {}

    def topics(self) -> dict[str, int]:
        """Number of partitions, by name; without Kafka's own topics."""
        found = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}

    def delete_topics(self, wanted: Callable[[str], bool]) -> None:
        names = [name for name in self.topics() if wanted(name)]
        if names:
            for done in self._admin.delete_topics(names, operation_timeout=_TIMEOUT_S).values():
                done.result(_TIMEOUT_S)
            wait_until(lambda: not set(names) & self.topics().keys(), _TIMEOUT_S, "topics deleted")

    def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        partitions = self.topics()
        latest = OffsetSpec.latest()
        asked = {TopicPartition(topic, number): latest for topic in topics for number in range(partitions[topic])}
        answer = self._admin.list_offsets(asked, request_timeout=_TIMEOUT_S)
        return {(place.topic, place.partition): done.result(_TIMEOUT_S).offset for place, done in answer.items()}

    def committed(self, group: str, topic: str) -> dict[tuple[str, int], int]:
        """A group's committed offsets of a topic; where there is none, it is absent. Asked as a consumer that never joins."""
        if group not in self._askers:
            self._askers[group] = Consumer({**self._client, "group.id": group})
        places = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
        answer = wait_until(lambda: _committed(self._askers[group], places), _TIMEOUT_S, f"offsets of {group}") or []
        return {(place.topic, place.partition): place.offset for place in answer if place.offset >= 0}

    def close(self) -> None:
        for asker in self._askers.values():
            asker.close()


def _committed(asker: Consumer, places: list[TopicPartition]) -> list[TopicPartition] | None:
    try:
        return asker.committed(places, timeout=_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() not in _COORDINATOR_STARTS:
            raise
        return None
