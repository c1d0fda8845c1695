"""Reading: messages become deliveries, positions are chosen or refused, targets are understood."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Message
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from gongyu_consumers.decode import decode
from gongyu_consumers.progress import Latencies
from gongyu_consumers.reading import choose_start
from gongyu_consumers.registry import Registry
from gongyu_consumers.schemas import Schemas
from gongyu_consumers.targets import read_target
from gongyu_consumers.topic import Extent, subscriber_of
from gongyu_schemas.envelope import record_key_schema, view_envelope
from gongyu_schemas.errors import ConfigError, DataRejected, FatalError, KafkaUnavailable
from gongyu_schemas.names import key_subject, value_subject
from gongyu_schemas.transport.profile import Profile
from gongyu_schemas.wire import frame
from tests.consumers.fed_grant import FIELDS, image, resident, terms
from tests.consumers.small_registry import SmallRegistry

TOPIC = "grant.bank.resident-address"
USER, SECRET = "subscriber.bank", "open"
VIEW = view_envelope(resident(), terms("bank", "resident-address"))


@pytest.fixture(scope="module")
def registry() -> Iterator[SmallRegistry]:
    with SmallRegistry(USER, SECRET) as made:
        made.add(key_subject(TOPIC), record_key_schema(resident()))
        made.add(value_subject(TOPIC), VIEW)
        yield made


def schemas(registry: SmallRegistry, password: str = SECRET) -> Schemas:
    profile = Profile(bootstrap="127.0.0.1:1", user=USER, password=SecretStr(password), registry=registry.url)
    return Schemas(Registry(profile))


def message(value: bytes | None, key: bytes | None = None) -> Message:
    return Message(topic=TOPIC, partition=2, offset=7, key=key, value=value)


def body() -> bytes:
    source = {"partition": 1, "offset": 5, "reason": None, "act": "act-1"}
    content: dict[str, Any] = {"before": None, "after": image("1", "Seoul"), "op": "c", "ts_ms": 3, "source": source, "copy": None}
    written = BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(VIEW), content)
    return written.getvalue()


def test_a_message_becomes_a_delivery_with_its_purpose_and_place(registry: SmallRegistry) -> None:
    delivery = decode(message(frame(2, body()), frame(1, b"\x021")), schemas(registry), 9)
    assert (delivery.op, delivery.key, delivery.after) == ("c", {"resident_id": "1"}, image("1", "Seoul"))
    assert (delivery.source.partition, delivery.source.offset, delivery.source.act) == (1, 5, "act-1")
    assert (delivery.purpose["code"], delivery.partition, delivery.offset, delivery.received_at_ms) == ("loan-review", 2, 7, 9)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, None),
        (b"", None),
        (b"\x01\x00\x00\x00\x02", None),
        (frame(2, b""), None),
        (frame(2, body()[:-3]), None),
        (frame(2, body() + b"\x00"), None),
        (frame(2, body()), b"1"),
        (frame(2, body()), frame(1, b"\x021x")),
    ],
)
def test_a_message_that_is_not_what_its_schema_says_stops_with_its_place(
    registry: SmallRegistry, value: bytes | None, key: bytes | None
) -> None:
    with pytest.raises(FatalError, match=r"grant\.bank\.resident-address \[2\] offset 7") as error:
        decode(message(value, key), schemas(registry), 9)
    assert "Seoul" not in str(error.value)
    assert error.value.__suppress_context__, "no traceback shows a part of the record"


def test_schemas_are_asked_for_once(registry: SmallRegistry) -> None:
    known = schemas(registry)
    registry.asked.clear()
    for _ in range(3):
        decode(message(frame(2, body()), frame(1, b"\x021")), known, 9)
    assert len(registry.asked) == 2


def test_columns_and_key_come_from_the_registry(registry: SmallRegistry) -> None:
    shape = schemas(registry).shape(TOPIC)
    assert (tuple(field.name for field in shape.fields), shape.key) == (FIELDS, ("resident_id",))


def test_a_refused_login_and_an_unknown_grant_are_told_at_once(registry: SmallRegistry) -> None:
    with pytest.raises(KafkaUnavailable, match="refused"):
        schemas(registry, "wrong").shape(TOPIC)
    with pytest.raises(KafkaUnavailable, match=r"no subject grant\.bank\.other-value"):
        schemas(registry).shape("grant.bank.other")


def test_a_schema_that_is_no_view_is_refused(registry: SmallRegistry) -> None:
    with pytest.raises(FatalError, match="no view"):
        schemas(registry).view(1)


@pytest.mark.parametrize(("stored", "expected"), [({}, 10), ({0: 10}, 10), ({0: 15}, 15), ({0: 20}, 20)])
def test_reading_starts_where_the_sink_stopped_or_at_the_oldest_message(stored: dict[int, int], expected: int) -> None:
    assert choose_start(TOPIC, {0: Extent(10, 20)}, stored, from_anywhere=False) == {0: expected}


@pytest.mark.parametrize(("stored", "text"), [(9, "behind retention"), (21, "beyond its end")])
def test_a_position_that_the_topic_does_not_have_is_refused_unless_anything_will_do(stored: int, text: str) -> None:
    with pytest.raises(DataRejected, match=text):
        choose_start(TOPIC, {0: Extent(10, 20)}, {0: stored}, from_anywhere=False)
    assert choose_start(TOPIC, {0: Extent(10, 20)}, {0: stored}, from_anywhere=True) == {0: 10}


def test_targets_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    assert read_target("-").kind == "stdout"
    assert read_target("jsonl:a/b.jsonl").path == Path("a/b.jsonl")
    assert read_target(f"sqlite:///{tmp_path}/bank.db").path == tmp_path / "bank.db"
    with pytest.raises(ConfigError, match="sqlite:///FILE"):
        read_target("csv:x")


def test_only_a_subscribers_profile_names_a_subscriber() -> None:
    profile = Profile(bootstrap="x", user=USER, password=SecretStr(SECRET))
    assert subscriber_of(profile) == "bank"
    with pytest.raises(ConfigError, match="subscriber"):
        subscriber_of(profile.model_copy(update={"user": "hub"}))


@given(st.lists(st.integers(-5, 10_000_000), min_size=1))
@example([9_997])
def test_percentiles_are_those_of_the_sorted_values_to_half_a_percent(values: list[int]) -> None:
    latencies = Latencies()
    for value in values:
        latencies.note(value)
    exact = sorted(max(0, value) for value in values)
    for share in (0.5, 0.99):
        found = latencies.percentile(share)
        wanted = next(value for rank, value in enumerate(exact, 1) if rank >= share * len(exact))
        assert found == pytest.approx(wanted, rel=0.0051)


def test_no_values_have_no_percentile() -> None:
    assert Latencies().percentile(0.5) is None
