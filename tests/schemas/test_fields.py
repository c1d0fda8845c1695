from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_schemas.fields import COMPOUND, KEY_KINDS, Field, Kind, Schema, UnsupportedSchema, check_fields, read_fields
from tests.schemas.models import PLAIN_TYPES, decimal_of, enum_of, fixed_of, record_of, records


def read_one(schema: Schema, **more: Any) -> Field:
    (field,) = read_fields(record_of({"name": "f", "type": schema, **more}))
    return field


ONE_OF_EACH = [*PLAIN_TYPES.items(), (Kind.ENUM, enum_of("A", "B")), (Kind.DECIMAL, decimal_of(5, 2)), (Kind.FIXED, fixed_of(4))]


def test_there_is_a_case_for_every_kind() -> None:
    assert {kind for kind, _ in ONE_OF_EACH} == set(Kind) - COMPOUND


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
LINKED = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
EMPTY = {"type": "record", "name": "Empty", "fields": []}


def deep(levels: int) -> Schema:
    schema: Schema = "int"
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def doubling(levels: int) -> Schema:
    """A few lines that unfold to 2^levels fields."""
    schema: Schema = "int"
    for level in range(levels):
        fields = [{"name": "a", "type": schema}, {"name": "b", "type": f"L{level - 1}" if level else "int"}]
        schema = {"type": "record", "name": f"L{level}", "fields": fields}
    return schema


REFUSED: dict[str, tuple[Schema, str]] = {
    "array of nulls": ({"type": "array", "items": "null"}, "an array whose items hold nothing"),
    "array of empty records": ({"type": "array", "items": EMPTY}, "an array whose items hold nothing"),
    "array without items": ({"type": "array"}, "the array has no items"),
    "map without values": ({"type": "map"}, "the map has no values"),
    "recursive array": ({"type": "array", "items": {**LINKED, "fields": [{"name": "in", "type": "Node"}]}}, "contains itself"),
    "the record itself": (["null", "Thing"], "contains itself"),
    "fixed without size": ({"type": "fixed", "name": "F"}, "a fixed needs a size"),
    "fixed of nothing": (fixed_of(0), "a fixed needs a size from 1"),
    "decimal that its fixed cannot hold": (fixed_of(1, logicalType="decimal", precision=3), "a fixed of 1 bytes cannot hold 3 digits"),
    "decimal on fixed without precision": (fixed_of(4, logicalType="decimal"), "a decimal needs"),
    "null alone": ("null", "always null holds nothing"),
    "unknown name": ("Colour", "the type 'Colour' is not known here"),
    "empty name": ("", "the type '' is not known"),
    "union of nulls": (["null", "null"], "the same type twice"),
    "union of the same type": (["int", "string", {"type": "int", "logicalType": "date"}], "the same type twice"),
    "empty union": ([], "a union needs 1 to 64 types"),
    "union of too many": ([fixed_of(1, name=f"F{number}") for number in range(65)], "a union needs 1 to 64 types"),
    "union in a union": (["null", ["null", "int"]], "none of them a union"),
    "number": (5, "a schema is a name, a list or an object with a type"),
    "too deep": (deep(16), "more than 16 levels deep"),
    "too many": (doubling(13), "unfolds to more than 4000 types"),
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
    assert refused.value.place.split(".")[0] == "culprit"
    assert why in refused.value.why
    assert str(refused.value).startswith("culprit")


def test_a_mistake_inside_a_nested_record_has_its_dotted_place() -> None:
    inner = record_of({"name": "ok", "type": "int"}, {"name": "next", "type": ["null", "Node"]}, name="Node")
    with pytest.raises(UnsupportedSchema, match=r"^a\.b\.next: the type 'Node' contains itself: a recursive type has no layout"):
        read_fields(record_of({"name": "a", "type": record_of({"name": "b", "type": inner}, name="Outer")}))


ADDRESS = record_of({"name": "city", "type": "string"}, {"name": "zip", "type": ["null", "string"]}, name="Address")
PERSON = record_of(
    {"name": "id", "type": "string"},
    {"name": "home", "type": ADDRESS},
    {"name": "work", "type": ["null", "Address"], "default": None},
    {"name": "tags", "type": ["null", {"type": "array", "items": ["null", "int"]}]},
    {"name": "names", "type": {"type": "map", "values": "Address"}},
    {"name": "what", "type": ["null", "int", {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, "Address"]},
)


def test_nested_records_are_taken_apart_and_a_nullable_one_stands_before_its_fields() -> None:
    fields = read_fields(PERSON)
    assert [field.name for field in fields] == [
        *("id", "home.city", "home.zip", "work", "work.city", "work.zip", "tags", "names", "what"),
    ]
    by_name = {field.name: field for field in fields}
    assert (by_name["work"].kind, by_name["work"].null_branch, by_name["work"].is_leaf) == (Kind.RECORD, 0, False)
    assert [name for name, field in by_name.items() if field.within] == ["work.city", "work.zip"]
    assert {field.within for field in fields} == {"", "work"}
    assert [name for name, field in by_name.items() if field.may_be_absent] == ["home.zip", "work", "work.city", "work.zip", "tags", "what"]


def test_what_is_in_arrays_maps_and_unions_is_in_their_parts() -> None:
    by_name = {field.name: field for field in read_fields(PERSON)}
    (items,) = by_name["tags"].parts
    assert (by_name["tags"].null_branch, items.name, items.kind, items.null_branch) == (0, "items", Kind.INT, 0)
    (values,) = by_name["names"].parts
    assert (values.kind, [part.name for part in values.parts]) == (Kind.RECORD, ["city", "zip"])
    assert [(part.name, part.kind) for part in by_name["what"].parts] == [
        *(("null", Kind.NULL), ("int", Kind.INT), ("bytes", Kind.DECIMAL), ("Address", Kind.RECORD)),
    ]


def test_branches_of_one_short_name_are_told_apart_by_their_full_names() -> None:
    one, two = (record_of({"name": "x", "type": "int"}, name=f"{space}.Same") for space in ("a", "b"))
    assert [part.name for part in read_one(["string", one, two]).parts] == ["string", "a.Same", "b.Same"]


def test_a_decimal_may_be_fixed_and_any_other_fixed_is_its_bytes() -> None:
    decimal = read_one(fixed_of(4, logicalType="decimal", precision=9, scale=2))
    assert (decimal.kind, decimal.size, decimal.precision, decimal.scale) == (Kind.DECIMAL, 4, 9, 2)
    assert [read_one(fixed_of(12, logicalType=each)).kind for each in ("duration", "uuid", "x")] == [Kind.FIXED] * 3


def test_the_bounds_of_nesting_and_of_unfolding_are_met() -> None:
    assert read_one(deep(15)).kind is Kind.ARRAY
    assert len(read_fields(record_of({"name": "f", "type": doubling(10)}))) == 1024


def test_a_type_defined_in_one_field_may_be_named_in_others_and_so_may_the_object_around_it() -> None:
    fields = read_fields(record_of({"name": "a", "type": enum_of("X")}, {"name": "b", "type": {"type": "Colour"}}, namespace="n"))
    assert [field.symbols for field in fields] == [("X",), ("X",)]
    assert read_one({"type": {"type": "int"}}).kind is Kind.INT


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
        record_of({"name": "a", "type": []}, {"name": "b", "type": "int"}, {"name": "c", "type": "null"}, {"name": "b", "type": "int"})
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
    assert len(mistakes) <= 1
    assert not (fields and mistakes)
    check_fields(schema)


def test_no_kind_whose_equal_values_may_differ_in_bytes_or_that_nobody_can_write_is_a_key() -> None:
    assert set(Kind) - KEY_KINDS == {Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL, Kind.BYTES, Kind.FIXED, *COMPOUND}
