"""The check can fail: each planted defect is found, and only that one."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from gongyu_hub.demo.compare import Defect, GrantTopic, Received, compare
from gongyu_hub.demo.plain import Codec
from gongyu_hub.demo.reference import Delivery, Reference, Terms, terms
from gongyu_schemas.envelope import ViewTerms, record_key_schema, view_envelope
from gongyu_schemas.wire import frame
from tests.hub.demo.registers import Owner, dog, information_type

TYPE = information_type()
PURPOSE = {"code": "care", "text": "Finding lost dogs"}
LAW = {"statute": "Dog Act", "article": "3", "valid_from": "2020-01-01", "valid_to": None}
GRANT = terms("vet", "dogs", TYPE, ["chip", "town"], "town = 'seoul'", PURPOSE, LAW)
KEY_ID, VIEW_ID = 20, 21


def schema_of(grant: Terms, fields: tuple[str, ...]) -> dict[str, Any]:
    said = ViewTerms(grant.subscriber, grant.name, 1, fields, dict(grant.purpose), dict(grant.legal_basis))
    return dict(view_envelope(TYPE, said))


VIEW = schema_of(GRANT, GRANT.fields)
TOPIC = GrantTopic(GRANT, "grant.vet.dogs", 1, 1, KEY_ID, record_key_schema(TYPE), {VIEW_ID: VIEW})


def expected() -> list[Delivery]:
    owner = Owner(TYPE)
    reference = Reference(owner.published, [GRANT])
    story = [
        owner.put(dog("a")),
        owner.put(dog("b")),
        owner.put(dog("a", keeper="lee")),
        owner.put(dog("a", town="busan")),
        owner.put(dog("a")),
        owner.remove(dog("b")),
    ]
    return [delivery for decided in reference.process(story) for _, delivery in decided.deliveries]


class Topic:
    """The topic as a faultless hub writes it, to be spoilt."""

    def __init__(self, schema: dict[str, Any] = VIEW) -> None:
        self.schema = schema
        self.codec = Codec(schema)
        self.key_codec = Codec(TOPIC.key_schema)
        self.messages: list[Received] = []
        self.add(None, self.marker("begin"))
        self.add(None, self.marker("end"))
        for delivery in expected():
            self.add(self.key(delivery.key[0]), self.envelope(delivery))

    def marker(self, phase: str, partition: int = 0) -> dict[str, Any]:
        scope = {"phase": phase, "number": 1, "partition": partition, "bucket": None}
        source = {"partition": partition, "offset": -1, "reason": None, "act": None}
        return {"before": None, "after": None, "op": "m", "ts_ms": 1, "source": source, "copy": scope}

    def envelope(self, delivery: Delivery) -> dict[str, Any]:
        def view(values: tuple[Any, ...] | None) -> dict[str, Any] | None:
            return None if values is None else dict(zip(GRANT.fields, values, strict=True))

        reason = "left" if delivery.op == "d" else None
        source = {"partition": delivery.partition, "offset": delivery.offset, "reason": reason, "act": delivery.act}
        images = {"before": view(delivery.before), "after": view(delivery.after)}
        return {**images, "op": delivery.op, "ts_ms": delivery.ts_ms, "source": source, "copy": None}

    def key(self, chip: str) -> bytes:
        return frame(KEY_ID, self.key_codec.encode({"chip": chip}))

    def add(self, key: bytes | None, envelope: dict[str, Any], schema_id: int = VIEW_ID) -> None:
        self.messages.append(Received(0, len(self.messages), key, frame(schema_id, self.codec.encode(envelope))))

    def alter(self, index: int, **parts: Any) -> None:
        envelope = copy.deepcopy(self.codec.decode((self.messages[index].value or b"")[5:]))
        for name, value in parts.items():
            if isinstance(value, dict) and envelope[name] is not None:
                envelope[name].update(value)
            else:
                envelope[name] = value
        self.messages[index] = replace(self.messages[index], value=frame(VIEW_ID, self.codec.encode(envelope)))


def found(topic: Topic, described: GrantTopic = TOPIC) -> dict[Defect, int]:
    findings = compare(described, expected(), topic.messages).findings
    return {defect: count for defect, count in findings.counts.items() if count}


def test_a_faultless_topic_is_clean() -> None:
    assert [each.op for each in expected()] == ["c", "c", "d", "c", "d"]
    assert found(Topic()) == {}


@pytest.mark.parametrize("index", range(2, 7))
def test_a_missing_delivery_is_found(index: int) -> None:
    topic = Topic()
    del topic.messages[index]
    assert found(topic) == {Defect.MISSING: 1}


def test_an_extra_delivery_is_found() -> None:
    topic = Topic()
    withheld = Delivery("u", ("a",), ("a", "seoul"), ("a", "seoul"), 5, 0, 2, None)
    topic.add(topic.key("a"), topic.envelope(withheld))
    assert found(topic) == {Defect.EXTRA: 1}


def test_a_message_under_no_schema_of_the_grant_is_found() -> None:
    topic = Topic()
    topic.add(topic.key("a"), topic.marker("begin"), schema_id=99)
    assert found(topic) == {Defect.EXTRA: 1}


def test_a_duplicated_delivery_is_found() -> None:
    topic = Topic()
    topic.messages.append(topic.messages[3])
    assert found(topic) == {Defect.DUPLICATED: 1}


def test_deliveries_of_one_record_in_swapped_order_are_found() -> None:
    topic = Topic()
    topic.messages[4], topic.messages[5] = topic.messages[5], topic.messages[4]
    assert found(topic) == {Defect.OUT_OF_ORDER: 1}


def test_deliveries_of_different_records_may_be_in_any_order() -> None:
    topic = Topic()
    topic.messages[2], topic.messages[3] = topic.messages[3], topic.messages[2]
    assert found(topic) == {}


def test_an_ungranted_field_is_found() -> None:
    wide = schema_of(GRANT, ("chip", "keeper", "town"))
    spoilt = replace(TOPIC, view_schemas={VIEW_ID: VIEW, VIEW_ID + 1: wide})
    topic = Topic()
    codec = Codec(wide)
    envelope = topic.envelope(expected()[0])
    envelope["after"]["keeper"] = "kim"
    topic.messages[2] = replace(topic.messages[2], value=frame(VIEW_ID + 1, codec.encode(envelope)))
    assert found(topic, spoilt) == {Defect.UNGRANTED: 1, Defect.MISSING: 1}


def test_a_granted_field_that_is_absent_is_found() -> None:
    narrow = schema_of(GRANT, ("chip",))
    spoilt = replace(TOPIC, view_schemas={VIEW_ID: VIEW, VIEW_ID + 1: narrow})
    topic = Topic()
    envelope = topic.envelope(expected()[0])
    del envelope["after"]["town"]
    topic.messages[2] = replace(topic.messages[2], value=frame(VIEW_ID + 1, Codec(narrow).encode(envelope)))
    assert found(topic, spoilt) == {Defect.WRONG_VALUE: 1, Defect.MISSING: 1}


@pytest.mark.parametrize(
    "parts",
    [
        {"after": {"town": "busan"}},
        {"after": {"town": None}},
        {"before": {"chip": "a", "town": "seoul"}},
        {"op": "r"},
        {"op": "u"},
        {"ts_ms": 6},
        {"source": {"reason": "left"}},
        {"source": {"act": "other"}},
        {"copy": {"phase": "begin", "number": 1, "partition": 0, "bucket": None}},
    ],
)
def test_an_altered_value_is_found(parts: dict[str, Any]) -> None:
    topic = Topic()
    topic.alter(2, **parts)
    assert found(topic) == {Defect.WRONG_VALUE: 1}


def test_a_wrong_reason_of_a_delete_is_found() -> None:
    topic = Topic()
    topic.alter(4, source={"reason": "deleted"})
    assert found(topic) == {Defect.WRONG_VALUE: 1}


def test_a_wrong_key_is_found() -> None:
    topic = Topic()
    topic.messages[2] = replace(topic.messages[2], key=topic.key("z"))
    topic.messages[3] = replace(topic.messages[3], key=None)
    assert found(topic) == {Defect.WRONG_KEY: 2}


def test_a_wrong_partition_is_found() -> None:
    topic = Topic()
    topic.messages[3] = replace(topic.messages[3], partition=1)
    assert found(topic, replace(TOPIC, partitions=2)) == {Defect.WRONG_KEY: 1}


@pytest.mark.parametrize("index", [0, 1])
def test_a_missing_marker_is_found(index: int) -> None:
    topic = Topic()
    del topic.messages[index]
    assert Defect.WRONG_MARKER in found(topic)


def test_repeated_swapped_and_foreign_markers_are_found() -> None:
    repeated = Topic()
    repeated.messages.insert(1, repeated.messages[0])
    assert found(repeated) == {Defect.WRONG_MARKER: 1}
    swapped = Topic()
    swapped.messages[0], swapped.messages[1] = swapped.messages[1], swapped.messages[0]
    assert found(swapped) == {Defect.WRONG_MARKER: 1}
    foreign = Topic()
    foreign.add(None, foreign.marker("begin", 4))
    assert found(foreign) == {Defect.WRONG_MARKER: 1}
    keyed = Topic()
    keyed.messages[0] = replace(keyed.messages[0], key=keyed.key("a"))
    assert Defect.WRONG_MARKER in found(keyed)


def test_a_delivery_before_the_end_of_the_copy_is_found() -> None:
    topic = Topic()
    topic.messages[1], topic.messages[2] = topic.messages[2], topic.messages[1]
    assert found(topic) == {Defect.OUT_OF_ORDER: 1}


def test_a_schema_with_another_purpose_or_law_is_found() -> None:
    for attribute in ("gongyu.purpose", "gongyu.legalBasis", "gongyu.grant"):
        schema = {**VIEW, attribute: "other"}
        assert found(Topic(), replace(TOPIC, view_schemas={VIEW_ID: schema})) == {Defect.WRONG_TERMS: 1}


def test_examples_are_few_and_tell_no_content() -> None:
    topic = Topic()
    for index in range(2, 7):
        topic.alter(index, ts_ms=77)
    topic.messages += topic.messages[2:] * 3
    findings = compare(TOPIC, expected(), topic.messages).findings
    assert findings.counts[Defect.DUPLICATED] == 15
    assert len(findings.examples) == 10
    assert not any("seoul" in example for example in findings.examples)
