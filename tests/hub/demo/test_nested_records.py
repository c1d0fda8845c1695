"""Engine and reference are equal on random nested schemas: records in records, arrays, maps, unions, in any blocks and any order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongyu_schemas.envelope import owner_envelope, subject_key_schema
from gongyu_schemas.fields import COMPOUND, read_fields
from gongyu_schemas.granted import record_names
from gongyu_schemas.information_type import InformationType, Publishing, Title
from gongyu_schemas.wire import frame
from tests.hub.building import KEY_ID, WRITER_ID, World
from tests.hub.demo.side_by_side import run
from tests.hub.demo.test_engine_equals_reference import few, row_texts, spoilt
from tests.hub.nested_records import declared_fields, inlined, raw_values, write


@st.composite
def types(draw: st.DrawFn) -> InformationType:
    fields = [{"name": "id", "type": "string"}, {"name": "who", "type": "long"}, *draw(declared_fields("", 3, [], st.integers(1, 4)))]
    versions = {"type": "record", "name": "Stamp", "fields": [{"name": "number", "type": "int"}]}
    at = draw(st.integers(0, 2))
    record = {"type": "record", "name": "R", "fields": [*fields[:at], {"name": "stamp", "type": versions}, *fields[at:]]}
    return InformationType(
        name="thing",
        owner="owner",
        title=Title(ko="것", en="Thing"),
        key=("id",),
        subject=draw(st.sampled_from([("id",), ("who",)])),
        version=draw(st.sampled_from([None, None, "stamp.number"])),
        partitions=draw(st.integers(1, 2)),
        classification={},
        publishing=Publishing(),
        record_schema=record,
        fields=read_fields(record),
    )


@st.composite
def worlds(draw: st.DrawFn, treated: Callable[..., Any] | None = None) -> tuple[World, list[Any]]:
    """`treated`: from a type and names of fields and records to a strategy of treatments."""
    of = draw(types())
    names = [name for name in (*(field.name for field in of.fields if field.is_leaf), *record_names(of.fields)) if name != "id"]
    rows, fields = st.one_of(st.none(), row_texts(of)), st.lists(st.sampled_from(names), unique=True, max_size=4)
    grants = {f"g{index}": {"fields": ["id", *draw(fields)], "rows": draw(rows)} for index in range(draw(st.integers(1, 3)))}
    if treated is not None:
        grants = {name: {**each, "treatments": draw(treated(of, each["fields"]))} for name, each in grants.items()}
    world, batches = World(of, grants), []
    key, change, image = inlined(subject_key_schema(of)), inlined(owner_envelope(of)), raw_values(inlined(of.record_schema))
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 2))):
        known: list[dict[str, Any]] = []
        for _ in range(draw(st.integers(1, 8))):
            record = {
                **draw(image),
                "id": draw(st.sampled_from(["a", "b"])),
                "who": draw(st.integers(1, 2)),
                "stamp": {"number": draw(few)},
            }
            if known and draw(st.booleans()):  # the same values, written in another way, or but for one field
                record = {**draw(st.sampled_from(known)), **draw(st.sampled_from([{}, {name: record[name] for name in list(record)[:1]}]))}
            known.append(record)
            op = draw(st.sampled_from("ccuuuurd"))
            before = draw(st.sampled_from([(0, None), (1, record)]))
            source = {"name": "s", "position": 1, "act": (0, None)}
            datum = {"before": before, "after": (0, None) if op == "d" else (1, record), "op": op, "ts_ms": 1, "source": source}
            message = frame(WRITER_ID, write(change, datum, rng))
            damaged = draw(st.integers(0, 7)) == 0
            world.send_raw(frame(KEY_ID, write(key, record, rng)), draw(spoilt(message)) if damaged else message)
        batches.append(world.batch())
    return world, batches


@pytest.mark.thorough
def test_engine_and_reference_are_equal_on_records_of_every_shape() -> None:
    tried: Counter[str] = Counter()

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds())
    def compare(case: tuple[World, list[Any]]) -> None:
        world, batches = case
        found = run(world, batches)
        assert found.dead_letters[0] == found.dead_letters[1], found.whys
        assert found.outcomes[0] == found.outcomes[1], found.whys
        assert found.findings.clean, found.findings.examples
        tried.update(found.outcomes[0])
        tried["delivered"] += found.delivered
        tried.update(field.kind.value for field in world.information_type.fields if field.kind in COMPOUND)

    compare()
    print(", ".join(f"{what} {count}" for what, count in sorted(tried.items())))
    assert all(tried[what] >= 40 for what in ("applied", "rejected", "unchanged", "delivered", "record", "array", "map", "union")), tried
