"""Views of every shape on the subscriber's side: what the owner wrote arrives, in Python, in JSON and in SQLite."""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongyu_consumers.decode import decode
from gongyu_consumers.delivery import Delivery, Tagged
from gongyu_consumers.schemas import View, read_key, read_view
from gongyu_consumers.sinks.sink import Identity, Shape
from gongyu_consumers.sinks.sqlite import SqliteSink
from gongyu_consumers.sinks.tables import column_names
from gongyu_consumers.values import json_image
from gongyu_hub.demo.plain import Codec, NotPlain, image_reader
from gongyu_hub.demo.reference import terms
from gongyu_hub.demo.tables import compare_table
from gongyu_schemas.envelope import record_key_schema, view_envelope
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import Field, Kind, read_fields
from gongyu_schemas.information_type import InformationType
from gongyu_schemas.wire import frame
from tests.hub.demo.test_nested_records import types
from tests.hub.nested_records import inlined, raw_values, write
from tests.schemas.models import record_of, terms_of, type_of

GRANT = "loan-check"  # of `terms_of`


@dataclass(frozen=True)
class Message:
    """A message of a grant topic."""

    body: bytes
    key_body: bytes

    def value(self) -> bytes:
        return frame(1, self.body)

    def key(self) -> bytes:
        return frame(2, self.key_body)

    def topic(self) -> str:
        return "grant.bank-hana.loan-check"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 0


class Known:
    """The two schemas of a grant."""

    def __init__(self, of: InformationType) -> None:
        self.leaves = tuple(field.name for field in of.fields if field.is_leaf)
        self.envelope = view_envelope(of, terms_of(self.leaves))
        self.found = read_view(1, json.dumps(self.envelope))
        self.keys = read_key(json.dumps(record_key_schema(of)))

    def view(self, _schema_id: int) -> View:
        return self.found

    def key(self, _schema_id: int) -> Any:
        return self.keys


def deliver(of: InformationType, known: Known, raw: dict[str, Any], rng: random.Random) -> Delivery:
    source = {"partition": 0, "offset": 0, "reason": (0, None), "act": (0, None)}
    datum = {"before": (0, None), "after": (1, raw), "op": "r", "ts_ms": 1, "source": source, "copy": (0, None)}
    key = write(inlined(record_key_schema(of)), {name: raw[name] for name in of.key}, rng)
    return decode(Message(write(inlined(known.envelope), datum, rng), key), known, 5)  # type: ignore[arg-type] # it has what is asked


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_table_holds_by_value_what_the_owner_wrote(data: Any) -> None:
    of = data.draw(types())
    known, schema, rng = Known(of), inlined(of.record_schema), random.Random(data.draw(st.integers(0, 99)))
    raw = {**data.draw(raw_values(schema)), "id": "a"}
    try:
        image = image_reader(of.fields)(Codec(of.record_schema).decode(write(schema, raw, rng)))
    except NotPlain:
        return
    grant = terms("bank", GRANT, of, known.leaves)
    expected = {("a",): tuple(image[name] for name in grant.fields)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "view.db"
        sink = SqliteSink(file, Identity("bank", GRANT, "t", "i", "c"), Shape(known.found.fields, of.key), from_anywhere=True)
        try:
            sink.apply([deliver(of, known, raw, rng)], {0: 1})
        finally:
            sink.close()
        found = compare_table(file, grant, expected)
        assert found.clean, (found.examples, raw)
        with closing(sqlite3.connect(file)) as database:
            columns = [name for _, name, *_ in database.execute(f'PRAGMA table_info("{GRANT}")')]
    assert columns[:-2] == [field.name for field in of.fields]


PLACE = record_of({"name": "city", "type": "string"}, {"name": "door", "type": ["null", "int"]}, name="Place")
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
RECORD = record_of(
    {"name": "id", "type": "string"},
    {"name": "home", "type": PLACE},
    {"name": "work", "type": ["null", "Place"]},
    {"name": "fees", "type": {"type": "map", "values": ["null", MONEY]}},
    {"name": "seen", "type": {"type": "array", "items": {"type": "record", "name": "Visit", "fields": [{"name": "n", "type": "long"}]}}},
    {"name": "what", "type": ["null", "int", MONEY, "Place"]},
    {"name": "print", "type": {"type": "fixed", "name": "Print", "size": 2}},
)
RAW = {
    "id": "a",
    "home": {"city": "Seoul", "door": (1, 3)},
    "work": (0, None),
    "fees": [("x", (1, b"\x00\x96")), ("y", (0, None))],
    "seen": [{"n": 1}, {"n": 2**60}],
    "what": (3, {"city": "Y", "door": (0, None)}),
    "print": b"\x00\xff",
}


def delivered(**changes: Any) -> Delivery:
    of = type_of(RECORD, read_fields(RECORD), ("id",))
    return deliver(of, Known(of), {**RAW, **changes}, random.Random(1))


def test_python_sees_dicts_lists_and_tagged_values() -> None:
    assert delivered().after == {
        "id": "a",
        "home": {"city": "Seoul", "door": 3},
        "work": None,
        "fees": {"x": Decimal("1.50"), "y": None},
        "seen": [{"n": 1}, {"n": 2**60}],
        "what": Tagged("Place", {"city": "Y", "door": None}),
        "print": b"\x00\xff",
    }
    assert [(delivered(what=what).after or {})["what"] for what in ((0, None), (1, 7), (2, b"\x07"))] == [
        *(None, Tagged("int", 7), Tagged("bytes", Decimal("0.07"))),
    ]


def test_json_is_nested_and_exact() -> None:
    assert json_image(delivered().after) == {
        "id": "a",
        "home": {"city": "Seoul", "door": 3},
        "work": None,
        "fees": {"x": "1.50", "y": None},
        "seen": [{"n": 1}, {"n": str(2**60)}],
        "what": {"Place": {"city": "Y", "door": None}},
        "print": "00ff",
    }


@pytest.mark.parametrize("name", ["gongyu.partition", "Gongyu.Copy"])
def test_a_leaf_that_has_the_name_of_our_own_column_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has the name of one of the table's own columns; use jsonl"):
        column_names(Shape((Field("id", Kind.STRING), Field(name, Kind.INT)), ("id",)))
