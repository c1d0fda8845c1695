"""More than Kafka takes in one request is asked for in several, and what a stop in between left out is made by the next start."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, ResourceType
from pydantic import SecretStr

from gongyu_hub.registry import kafka_admin
from gongyu_hub.registry.kafka_admin import KafkaAdmin, Right, Topic
from gongyu_schemas.errors import KafkaUnavailable
from gongyu_schemas.transport.profile import Profile

#: Of Kafka's controller.
RECORDS_MAX = 10_000
PROFILE = Profile(bootstrap="localhost:9", user="admin", password=SecretStr("x"))


class Controller:
    """Takes requests as Kafka's controller does: each whole or not at all. `requests_left`: then it is away."""

    def __init__(self) -> None:
        self.topics: dict[str, int] = {}
        self.rights: list[Any] = []
        self.users: list[str] = []
        self.requests_left = 1_000

    def list_topics(self, **_: Any) -> SimpleNamespace:
        leader = SimpleNamespace(leader=1)
        topics = {name: SimpleNamespace(partitions=dict.fromkeys(range(number), leader)) for name, number in self.topics.items()}
        return SimpleNamespace(topics=topics)

    def create_topics(self, new: list[Any], **_: Any) -> dict[str, Future[None]]:
        answer = self._answer([each.topic for each in new], sum(1 + each.num_partitions + len(each.config) for each in new))
        self.topics |= {each.topic: each.num_partitions for each in new}
        return answer

    def create_acls(self, new: list[Any], **_: Any) -> dict[Any, Future[None]]:
        self.rights += new
        return self._answer(new, len(new))

    def alter_user_scram_credentials(self, new: list[Any], **_: Any) -> dict[str, Future[None]]:
        self.users += [each.user for each in new]
        return self._answer([each.user for each in new], len(new))

    def _answer(self, names: Iterable[Any], records: int) -> dict[Any, Future[None]]:
        self.requests_left -= 1
        if self.requests_left < 0:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        if records > RECORDS_MAX:
            raise KafkaException(KafkaError(KafkaError.INVALID_REQUEST, "Unable to perform excessively large batch operation."))
        answers: dict[Any, Future[None]] = {name: Future() for name in names}
        for answer in answers.values():
            answer.set_result(None)
        return answers


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Controller:
    there = Controller()
    monkeypatch.setattr(kafka_admin, "make_admin", lambda _: there)
    return there


def test_more_topics_than_a_request_takes_are_made_also_after_a_stop_between_requests(
    controller: Controller, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [Topic(f"t{number}", number % 7 + 1, {"cleanup.policy": "compact"}) for number in range(3_000)]
    wanted.append(Topic("wide", 1_000, {}))
    controller.requests_left = 3
    with pytest.raises(KafkaUnavailable):
        KafkaAdmin(PROFILE).make_topics(wanted)
    assert 0 < len(controller.topics) < len(wanted)
    controller.requests_left = 1_000
    KafkaAdmin(PROFILE).make_topics(wanted)
    assert controller.topics == {topic.name: topic.partitions for topic in wanted}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 15 and all("topics made" in line for line in lines)  # long work says how far it is
    used = controller.requests_left
    KafkaAdmin(PROFILE).make_topics(wanted)
    assert controller.requests_left == used


def test_more_rights_and_users_than_a_request_takes_are_made(controller: Controller) -> None:
    operations = (AclOperation.READ, AclOperation.DESCRIBE)
    KafkaAdmin(PROFILE).allow(Right(f"u{number}", ResourceType.TOPIC, f"t{number}", operations) for number in range(6_000))
    assert len({(each.principal, each.operation) for each in controller.rights}) == len(controller.rights) == 12_000
    KafkaAdmin(PROFILE).set_passwords({f"u{number}": "secret" for number in range(10_500)})
    assert controller.users == [f"u{number}" for number in range(10_500)]
