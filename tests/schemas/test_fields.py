from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_schemas.fields import KEY_KINDS, Field, Kind, Schema, UnsupportedSchema, check_fields, read_fields
from tests.schemas.models import PLAIN_TYPES, decimal_of, enum_of, record_of, records


def read_one(schema: Schema, **more: Any) -> Field:
    (field,) = read_fields(record_of({"name": "f", "type": schema, **more}))
    return field


ONE_OF_EACH = [*PLAIN_TYPES.items(), (Kind.ENUM, enum_of("A", "B")), (Kind.DECIMAL, decimal_of(5, 2))]


def test_there_is_a_case_for_every_kind() -> None:
    assert {kind for kind, _ in ONE_OF_EACH} == set(Kind)


@pytest.mark.parametrize(("kind", "schema"), ONE_OF_EACH)
def test_every_kind_is_read_plain_and_with_null_in_either_place(kind: Kind, schema: Schema) -> None:
    for declared, null_branch in ((schema, -1), (["null", schema], 0), ([schema, "null"], 1)):
        field = read_one(declared)
        assert (field.kind, field.null_branch, field.nullable) == (kind, null_branch, null_branch >= 0)


@given(records())
def test_fields_are_read_in_the_order_and_with_the_parameters_of_the_schema(record: tuple[tuple[Field, ...], Schema]) -> None:
    expected, schema = record
    assert read_fields(schema) == expected


def test_a_primitive_may_be_written_as_an_object() -> None:
    assert read_one({"type": "int"}).kind is Kind.INT


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string", "logicalType": "date"}, Kind.STRING),
        ({"type": "int", "logicalType": "timestamp-millis"}, Kind.INT),
        ({"type": "long", "logicalType": "of-tomorrow"}, Kind.LONG),
    ],
)
def test_a_logical_type_that_does_not_fit_its_base_is_ignored_as_avro_demands(schema: Schema, kind: Kind) -> None:
    assert read_one(schema).kind is kind


def test_default_and_doc_are_kept_and_a_default_of_null_is_a_default() -> None:
    assert (read_one("int", default=7).default, read_one("int", doc="how many").doc) == (7, "how many")
    assert read_one(["null", "int"], default=None).has_default
    assert not read_one(["null", "int"]).has_default


ARRAY = {"type": "array", "items": "int"}
REFUSED: dict[str, tuple[Schema, str]] = {
    "array": (ARRAY, "array: arrays, maps and nested records are not supported"),
    "array or null": (["null", ARRAY], "array: arrays"),
    "map": ({"type": "map", "values": "int"}, "map: arrays, maps"),
    "record": (record_of({"name": "g", "type": "int"}, name="Inner"), "record: arrays, maps"),
    "bytes": ("bytes", "bytes is supported only as decimal"),
    "bytes, unknown logical type": ({"type": "bytes", "logicalType": "big-decimal"}, "bytes is supported only"),
    "fixed": ({"type": "fixed", "name": "F", "size": 4}, "fixed is supported only as decimal on bytes"),
    "decimal on fixed": ({"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 4}, "fixed is supported only"),
    "null alone": ("null", "unknown type 'null'"),
    "named type": ("Colour", "unknown type 'Colour'; write a field's type out in full"),
    "empty name": ("", "unknown type ''"),
    "object in object": ({"type": {"type": "int"}}, "unknown type"),
    "union in object": ({"type": ["null", "int"]}, "unknown type"),
    "union of one": (["int"], "the only union supported is of null and one other type"),
    "union of two values": (["int", "string"], "the only union"),
    "union of three": (["null", "int", "string"], "the only union"),
    "union of nulls": (["null", "null"], "the only union"),
    "empty union": ([], "the only union"),
    "union in a union": (["null", ["null", "int"]], "a union inside a union"),
    "number": (5, "a union inside a union is not Avro"),
    "enum without symbols": ({"type": "enum", "name": "E"}, "an enum needs distinct symbols"),
    "enum of nothing": (enum_of(), "an enum needs distinct symbols"),
    "enum with a symbol twice": (enum_of("A", "B", "A"), "an enum needs distinct symbols"),
    "decimal without precision": (decimal_of(None), "a decimal needs"),
    "decimal of precision 0": (decimal_of(0, 0), "a decimal needs 1 <= precision <= 1000"),
    "decimal too precise": (decimal_of(1001, 2), "a decimal needs"),
    "decimal with scale over precision": (decimal_of(4, 5), "a decimal needs"),
    "decimal with a scale below 0": (decimal_of(4, -1), "a decimal needs"),
    "decimal with a text for a number": (decimal_of("4", 1), "a decimal needs"),
}


@pytest.mark.parametrize(("schema", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_laid_out_is_refused_with_its_place(schema: Schema, why: str) -> None:
    with pytest.raises(UnsupportedSchema) as refused:
        read_fields(record_of({"name": "before_it", "type": "int"}, {"name": "culprit", "type": schema}))
    assert refused.value.place == "culprit"
    assert why in refused.value.why
    assert str(refused.value).startswith("culprit: ")


@pytest.mark.parametrize(("precision", "scale"), [(1, 0), (1, 1), (1000, 0), (1000, 1000), (5, None)])
def test_decimals_at_the_bounds_are_read(precision: int, scale: int | None) -> None:
    field = read_one(decimal_of(precision, scale))
    assert (field.precision, field.scale) == (precision, scale or 0)


@pytest.mark.parametrize("name", ["a-b", "1a", "이름", "a.b", "", "a\n"])
def test_a_name_that_other_avro_libraries_refuse_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedSchema, match="not an Avro name") as refused:
        read_fields(record_of({"name": name, "type": "int"}))
    assert refused.value.place == name


def test_a_field_declared_twice_is_refused() -> None:
    with pytest.raises(UnsupportedSchema, match=r"^f: the field is declared twice"):
        read_fields(record_of({"name": "f", "type": "int"}, {"name": "f", "type": "string"}))


@pytest.mark.parametrize(
    "schema",
    [
        "string",
        ["null", "string"],
        None,
        5,
        {},
        enum_of("A"),
        record_of(),
        {"type": "record", "name": "R"},
        {"type": "record", "fields": {}},
    ],
)
def test_what_is_no_record_with_fields_is_refused(schema: Schema) -> None:
    with pytest.raises(UnsupportedSchema, match="record"):
        read_fields(schema)


@pytest.mark.parametrize("field", [5, "int", {}, {"name": "f"}, {"type": "int"}, {"name": 5, "type": "int"}])
def test_a_field_without_name_or_type_is_refused(field: Any) -> None:
    with pytest.raises(UnsupportedSchema, match="every field needs a name and a type"):
        read_fields(record_of(field))


def test_all_mistakes_are_found_and_the_sound_fields_are_still_read() -> None:
    fields, mistakes = check_fields(
        record_of({"name": "a", "type": ARRAY}, {"name": "b", "type": "int"}, {"name": "c", "type": "bytes"}, {"name": "b", "type": "int"})
    )
    assert [field.name for field in fields] == ["b"]
    assert [mistake.place for mistake in mistakes] == ["a", "c", "b"]


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["record", "enum", "bytes", "decimal", "null", "int"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "symbols", "logicalType", "precision", "scale", "doc"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_json_as_a_type_is_read_or_refused_never_a_crash(schema: Any) -> None:
    fields, mistakes = check_fields(record_of({"name": "f", "type": schema}))
    assert len(fields) + len(mistakes) == 1
    check_fields(schema)


def test_no_kind_whose_equal_values_may_differ_in_bytes_can_be_a_key() -> None:
    assert set(Kind) - KEY_KINDS == {Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}
