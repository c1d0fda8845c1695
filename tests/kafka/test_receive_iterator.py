"""The iterator and the pipe: a grant in five lines of a program or a shell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from gongyu_consumers import read_grant
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import DataRejected
from gongyu_schemas.transport.clients import make_registry
from gongyu_schemas.transport.profile import Profile
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant

pytestmark = pytest.mark.kafka

COPY = (Event("begin"), Event("r", "1", "Seoul"), Event("r", "2", "Busan"), Event("end"))


@pytest.fixture
def fed(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[FedGrant]:
    with fed_grant(admin, tmp_path, unique("bank")) as made:
        yield made


def test_a_grant_is_read_in_five_lines(fed: FedGrant) -> None:
    fed.publish(*COPY)
    with read_grant(fed.grant, fed.profile_path, exit_at_end=True) as deliveries:
        received = list(deliveries)
    assert [each.op for each in received] == ["m", "r", "r", "m"]
    first = received[1]
    assert first.key == {"resident_id": "1"}
    assert first.after == {"resident_id": "1", "address": "Seoul", "household_id": None, "household_head": True}
    assert (first.before, first.copy, first.source.partition) == (None, None, 0)
    assert (first.grant, first.version, first.purpose["code"], first.legal_basis["article"]) == (fed.grant, 1, "loan-review", "32")
    assert (first.topic, first.partition, first.offset) == (fed.topic, 0, 1)


def test_a_program_that_stores_positions_goes_on_exactly_there(fed: FedGrant) -> None:
    fed.publish(*COPY)
    with read_grant(fed.grant, fed.profile, exit_at_end=True) as deliveries:
        assert [next(deliveries).op, next(deliveries).op] == ["m", "r"]
        positions = dict(deliveries.positions)
    with read_grant(fed.grant, fed.profile, positions=positions, exit_at_end=True) as deliveries:
        assert [(each.op, each.key.get("resident_id")) for each in deliveries] == [("r", "2"), ("m", None)]


def test_a_program_is_told_when_there_is_no_begin(fed: FedGrant) -> None:
    fed.publish(Event("c", "1", "Seoul"))
    with read_grant(fed.grant, fed.profile) as deliveries, pytest.raises(DataRejected, match="no begin of a copy"):
        next(deliveries)


def test_closing_is_bounded_in_time(fed: FedGrant) -> None:
    fed.publish(*COPY)
    deliveries = read_grant(fed.grant, fed.profile)
    next(deliveries)
    begun = time.monotonic()
    deliveries.close()
    assert time.monotonic() - begun < 6
    assert list(deliveries) == []


def test_a_pipe_gets_lines_from_the_beginning_each_time_and_with_a_group_only_new_ones(fed: FedGrant) -> None:
    fed.publish(*COPY)
    for _ in range(2):
        code, out, err = receiver.run(fed, "-", "--exit-at-end", "--json")
        assert (code, [json.loads(line)["op"] for line in out.splitlines()]) == (exit_codes.OK, ["m", "r", "r", "m"]), err
        assert json.loads(err)["received"] == 4
    for expected in (["m", "r", "r", "m"], [], ["u"]):
        if expected == ["u"]:
            fed.publish(Event("u", "1", "Jeju"))
        code, out, err = receiver.run(fed, "-", "--exit-at-end", "--group", "loans")
        assert (code, [json.loads(line)["op"] for line in out.splitlines()]) == (exit_codes.OK, expected), err


def test_a_delivery_equals_what_confluents_own_deserializer_reads(fed: FedGrant) -> None:
    key, value = fed.encode(Event("u", "1", "Seoul", ts_ms=5))
    fed.publish(*COPY, Event("u", "1", "Seoul", ts_ms=5))
    with read_grant(fed.grant, fed.profile, exit_at_end=True) as deliveries:
        last = list(deliveries)[-1]
    read = AvroDeserializer(make_registry(fed.profile))
    assert read(key, SerializationContext(fed.topic, MessageField.KEY)) == last.key
    theirs = read(value, SerializationContext(fed.topic, MessageField.VALUE))
    assert isinstance(theirs, dict)
    assert (theirs["op"], theirs["before"], theirs["after"], theirs["ts_ms"]) == (last.op, last.before, last.after, last.ts_ms)
