from __future__ import annotations

import copy
import io
import json
import warnings
from typing import Any

import avro.errors
import avro.schema
import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongyu_schemas import envelope
from gongyu_schemas.fields import Field, Kind, Schema, read_fields
from gongyu_schemas.information_type import InformationType, load_types, shipped_types
from tests.schemas.models import decimal_of, enum_of, information_types, record_of, terms_of, type_of

SHIPPED = load_types(shipped_types())
ATTRIBUTES = {
    "gongyu.subscriber": "bank-hana",
    "gongyu.grant": "loan-check",
    "gongyu.version": 3,
    "gongyu.owner": "city-7",
    "gongyu.informationType": "land-parcel",
    "gongyu.title": {"ko": "필지", "en": "Land parcel"},
    "gongyu.rows": "status = 'OPEN'",
    "gongyu.purpose": {"code": "loan-review", "text": "Loan application review"},
    "gongyu.legalBasis": {"statute": "Act on Things", "article": "7", "valid_from": "2020-01-01", "valid_to": None},
    "gongyu.validFrom": "2026-01-01",
    "gongyu.validTo": None,
}

#: The Avro project's parser is slow: fewer examples where it is asked.
few = settings(max_examples=25, deadline=None)
#: A busy machine is no failure.
unhurried = settings(deadline=None)


def parse_everywhere(schema: Schema) -> Any:
    """Both libraries take it; leaves the Avro project's own reading of it."""
    fastavro.parse_schema(copy.deepcopy(schema))
    with warnings.catch_warnings():  # Avro's rule: a library ignores the logical types that it does not know; this one says so
        warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)
        return avro.schema.parse(json.dumps(schema))


def encode(schema: Schema, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), value, strict=True)
    return out.getvalue()


def decode(schema: Schema, body: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(body), fastavro.parse_schema(copy.deepcopy(schema)), None)


def names_in(schema: Schema) -> list[str]:
    return [field["name"] for field in schema["fields"]]


def image_of(schema: Schema, image: str) -> Schema:
    """The record inside `before`; `after` names it."""
    declared = {field["name"]: field["type"] for field in schema["fields"]}
    record = declared["before"][1]
    assert declared["after"] == ["null", f"{record['namespace']}.{record['name']}"] or "." in record["name"]
    return record if image == "before" else declared[image]


@st.composite
def granted(draw: st.DrawFn) -> tuple[InformationType, tuple[str, ...]]:
    """A type and the fields of a grant, in any order."""
    chosen = draw(information_types())
    more = draw(st.lists(st.sampled_from([field.name for field in chosen.fields]), unique=True))
    return chosen, tuple(dict.fromkeys((*more, *chosen.key)))


@few
@given(granted())
def test_every_schema_of_a_type_parses_in_both_libraries(case: tuple[InformationType, tuple[str, ...]]) -> None:
    chosen, fields = case
    parse_everywhere(envelope.owner_envelope(chosen))
    parse_everywhere(envelope.subject_key_schema(chosen))
    parse_everywhere(envelope.record_key_schema(chosen))
    parse_everywhere(envelope.view_envelope(chosen, terms_of(fields)))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_schema_of_the_shipped_types_parses_in_both_libraries(name: str) -> None:
    chosen = SHIPPED[name]
    for schema in (
        envelope.owner_envelope(chosen),
        envelope.subject_key_schema(chosen),
        envelope.record_key_schema(chosen),
        envelope.view_envelope(chosen, terms_of(tuple(field.name for field in chosen.fields))),
    ):
        parse_everywhere(schema)


def test_the_marker_schema_parses_in_fastavro() -> None:
    fastavro.parse_schema(envelope.marker_schema())


@unhurried
@given(granted())
def test_a_view_has_the_granted_fields_and_no_other_in_the_order_of_the_record(case: tuple[InformationType, tuple[str, ...]]) -> None:
    chosen, fields = case
    view = image_of(envelope.view_envelope(chosen, terms_of(fields)), "before")
    assert names_in(view) == [field.name for field in chosen.fields if field.name in fields]
    assert read_fields(view) == tuple(field for field in chosen.fields if field.name in fields)


@unhurried
@given(granted())
def test_nothing_of_an_ungranted_field_is_in_the_view_schema(case: tuple[InformationType, tuple[str, ...]]) -> None:
    chosen, fields = case
    secret = "what_nobody_was_granted"  # longer than any generated name
    field = {"name": secret, "type": enum_of(secret, name=secret), "doc": secret}
    record = record_of(*copy.deepcopy(chosen.record_schema["fields"]), field, doc=secret)
    whole = type_of(record, (*chosen.fields, Field(secret, Kind.ENUM, symbols=(secret,))), chosen.key)
    assert secret not in json.dumps(envelope.view_envelope(whole, terms_of(fields)))


@few
@given(granted())
def test_the_terms_of_the_grant_are_attributes_that_survive_any_librarys_parser(case: tuple[InformationType, tuple[str, ...]]) -> None:
    chosen, fields = case
    schema = envelope.view_envelope(chosen, terms_of(fields))
    assert {name: value for name, value in schema.items() if name.startswith("gongyu.")} == ATTRIBUTES
    parsed = parse_everywhere(schema)
    assert {name: parsed.get_prop(name) for name in ATTRIBUTES} == ATTRIBUTES
    assert parsed.doc == "Loan application review"
    assert parsed.fullname == "gongyu.view.bank_hana.loan_check.Change"


@unhurried
@given(granted(), st.sampled_from((envelope.COPY_BEGIN, envelope.COPY_END)), st.integers(0, 2**63 - 1), st.none() | st.integers(0, 99))
def test_a_markers_bytes_are_the_same_under_every_view_schema(
    case: tuple[InformationType, tuple[str, ...]], phase: str, number: int, bucket: int | None
) -> None:
    chosen, fields = case
    marker = {
        "before": None,
        "after": None,
        "op": envelope.MARKER,
        "ts_ms": number,
        "source": {"partition": 3, "offset": number, "reason": None, "act": None},
        "copy": {"phase": phase, "number": number, "partition": 3, "bucket": bucket},
    }
    body = encode(envelope.marker_schema(), marker)
    schema = envelope.view_envelope(chosen, terms_of(fields))
    assert encode(schema, marker) == body
    assert decode(schema, body) == marker


@pytest.mark.parametrize("name", SHIPPED)
def test_the_envelopes_are_debeziums(name: str) -> None:
    chosen = SHIPPED[name]
    owner, view = envelope.owner_envelope(chosen), envelope.view_envelope(chosen, terms_of(chosen.key))
    assert names_in(owner) == ["before", "after", "op", "ts_ms", "source"]
    assert names_in(view) == ["before", "after", "op", "ts_ms", "source", "copy"]
    assert [names_in(schema["fields"][4]["type"]) for schema in (owner, view)] == [
        ["name", "position", "act"],
        ["partition", "offset", "reason", "act"],
    ]
    operations = [envelope.CREATE, envelope.UPDATE, envelope.DELETE, envelope.READ, envelope.MARKER, envelope.TRUNCATE]
    assert "".join(operations) == "cudrmt"


@pytest.mark.parametrize("namespace", [None, "", "org.example"])
def test_a_record_may_have_any_namespace_or_none(namespace: str | None) -> None:
    record = record_of({"name": "id", "type": "string"}, namespace=namespace)
    chosen = type_of(record, read_fields(record), ("id",))
    parsed = parse_everywhere(envelope.owner_envelope(chosen))
    assert parsed.fields[0].type.schemas[1].fullname == f"{namespace or 'gongyu.city_7.land_parcel'}.Thing"


def test_the_full_name_of_a_record_may_be_written_as_its_name() -> None:
    record = record_of({"name": "id", "type": "string"}, name="org.example.Thing")
    parse_everywhere(envelope.owner_envelope(type_of(record, read_fields(record), ("id",))))


def test_an_owners_change_comes_back() -> None:
    record = record_of({"name": "id", "type": "string"}, {"name": "kind", "type": ["null", enum_of("A", "B")], "default": None})
    schema = envelope.owner_envelope(type_of(record, read_fields(record), ("id",)))
    images = {"before": {"id": "1", "kind": None}, "after": {"id": "1", "kind": "B"}}
    change = {**images, "op": "u", "ts_ms": 5, "source": {"name": "file", "position": 9, "act": None}}
    assert decode(schema, encode(schema, change)) == change


CLASHES = ["View", "Change", "Source", "Copy", "Phase", "Key", "SubjectKey"]


@pytest.mark.parametrize("name", CLASHES)
def test_an_enum_may_have_the_name_of_a_record_of_the_envelope(name: str) -> None:
    record = record_of({"name": "id", "type": "string"}, {"name": "kind", "type": enum_of("A", name=name)})
    chosen = type_of(record, read_fields(record), ("id", "kind"), ("kind",))
    for schema in (
        envelope.owner_envelope(chosen),
        envelope.record_key_schema(chosen),
        envelope.subject_key_schema(chosen),
        envelope.view_envelope(chosen, terms_of(("id", "kind"))),
    ):
        parse_everywhere(schema)


def test_two_enums_of_one_name_in_two_namespaces_may_meet_in_a_view() -> None:
    enums = [{**enum_of("A", name="Status"), "namespace": "old"}, enum_of("B", name="new.Status")]
    record = record_of(*({"name": f"f{number}", "type": schema} for number, schema in enumerate(enums)))
    chosen = type_of(record, read_fields(record), ("f0", "f1"))
    for schema in (envelope.view_envelope(chosen, terms_of(("f0", "f1"))), envelope.record_key_schema(chosen)):
        parse_everywhere(schema)


ADDRESS = record_of(
    {"name": "city", "type": "string"},
    {"name": "kind", "type": enum_of("HOME", "WORK", name="Kind"), "default": "HOME"},
    {"name": "secret", "type": ["null", "string"]},
    name="Address",
    aliases=["OldAddress"],
)
NESTED = record_of(
    {"name": "id", "type": "string"},
    {"name": "home", "type": ADDRESS, "default": {"city": "Seoul", "kind": "WORK", "secret": None}},
    {"name": "work", "type": ["null", "Address"], "default": None},
    {"name": "past", "type": {"type": "array", "items": ["null", "Address", "Kind"]}},
    {"name": "notes", "type": record_of({"name": "secret_note", "type": "Kind"}, name="Notes")},
    namespace="owner",
)


def view_of(*leaves: str) -> Any:
    schema = envelope.view_envelope(type_of(NESTED, read_fields(NESTED), ("id",)), terms_of(leaves))
    parse_everywhere(schema)
    return image_of(schema, "before")


def test_a_view_keeps_the_nesting_of_what_is_granted() -> None:
    view = view_of("id", "home.city", "work.kind")
    assert [field.name for field in read_fields(view)] == ["id", "home.city", "work", "work.kind"]
    assert view["fields"][1]["default"] == {"city": "Seoul"}
    assert [branch if branch == "null" else names_in(branch) for branch in view["fields"][2]["type"]] == ["null", ["kind"]]
    assert not [word for word in ("secret", "notes", "Notes", "past") if word in json.dumps(view)]


def test_a_type_that_is_used_twice_may_be_cut_in_two_ways_and_is_named_by_its_place() -> None:
    whole = ("id", "home.city", "home.kind", "home.secret", "work.secret", "past", "notes.secret_note")
    view = view_of(*whole)
    fields = read_fields(view)
    assert tuple(field.name for field in fields if field.is_leaf) == whole
    past = next(field for field in fields if field.name == "past")
    assert past.parts == next(field.parts for field in read_fields(NESTED) if field.name == "past")
    assert {name: view["fields"][index]["type"]["namespace"].rpartition(".")[2] for index, name in ((1, "home"), (4, "notes"))} == {
        "home": "home",
        "notes": "notes",
    }
    assert "OldAddress" not in json.dumps(view)


def test_a_treated_leaf_says_so_and_no_default_of_a_record_around_it_tells_its_value() -> None:
    terms = terms_of(("id", "home.city", "work.city"), treatments={"home.city": {"pseudonymise": {"key_version": 1}}})
    view = image_of(envelope.view_envelope(type_of(NESTED, read_fields(NESTED), ("id",)), terms), "before")
    parse_everywhere(view)
    home, work = view["fields"][1:]
    assert home["type"]["fields"][0]["gongyu.treatment"] == {"pseudonymise": {"key_version": 1}}
    assert "default" not in home
    assert work["default"] is None
    assert "Seoul" not in json.dumps(view)


def test_two_types_of_one_name_inside_one_leaf_are_told_apart() -> None:
    one, two = (record_of({"name": "x", "type": kind}, name=f"{space}.Same") for space, kind in (("a", "int"), ("b", "string")))
    record = record_of({"name": "id", "type": "string"}, {"name": "f", "type": {"type": "map", "values": [one, two, "a.Same_2"]}})
    record["fields"].insert(1, {"name": "g", "type": record_of({"name": "y", "type": "int"}, name="a.Same_2")})
    chosen = type_of(record, read_fields(record), ("id",))
    view = image_of(envelope.view_envelope(chosen, terms_of(("id", "f"))), "before")
    parse_everywhere(view)
    (values,) = read_fields(view)[1].parts
    assert [part.name for part in values.parts] == ["Same", "Same_2", "Same_2_2"]
    assert [part.parts[0].kind for part in values.parts] == [Kind.INT, Kind.STRING, Kind.INT]


def test_a_key_may_be_of_a_type_that_another_field_defines() -> None:
    record = record_of({"name": "a", "type": enum_of("X")}, {"name": "b", "type": "Colour"})
    chosen = type_of(record, read_fields(record), ("b",))
    parse_everywhere(envelope.record_key_schema(chosen))
    assert [field.symbols for field in read_fields(envelope.record_key_schema(chosen))] == [("X",)]


def test_a_key_has_its_fields_in_the_order_of_the_type_without_null_and_default() -> None:
    record = record_of(
        {"name": "a", "type": "string", "default": "x", "doc": "first"}, {"name": "b", "type": "int"}, {"name": "c", "type": decimal_of(3)}
    )
    chosen = type_of(record, read_fields(record), ("b", "a"), ("a",))
    key, subject = envelope.record_key_schema(chosen), envelope.subject_key_schema(chosen)
    assert key["fields"] == [{"name": "b", "type": "int"}, {"name": "a", "type": "string"}]
    assert subject["fields"] == [{"name": "a", "type": "string"}]
    assert [parse_everywhere(schema).fullname for schema in (key, subject)] == [
        "gongyu.city_7.land_parcel.Key",
        "gongyu.city_7.land_parcel.SubjectKey",
    ]


def test_a_subject_that_is_the_record_key_has_its_schema() -> None:
    chosen = SHIPPED["resident"]
    assert envelope.subject_key_schema(chosen) == envelope.record_key_schema(chosen)


@unhurried
@given(granted())
def test_deriving_a_schema_leaves_the_types_own_as_it_was(case: tuple[InformationType, tuple[str, ...]]) -> None:
    chosen, fields = case
    before = copy.deepcopy(chosen.record_schema)
    envelope.owner_envelope(chosen)
    envelope.view_envelope(chosen, terms_of(fields))
    envelope.record_key_schema(chosen)
    assert chosen.record_schema == before


def test_a_treated_field_has_the_type_of_what_is_shown_and_says_what_was_done() -> None:
    uuid_ = {"type": "string", "logicalType": "uuid"}
    record = record_of(
        {"name": "id", "type": uuid_, "doc": "who"},
        {"name": "code", "type": "long", "default": 7},
        {"name": "born", "type": {"type": "int", "logicalType": "date"}},
        {"name": "kin", "type": [uuid_, "null"], "default": "00000000-0000-0000-0000-000000000000"},
        {"name": "use", "type": ["null", enum_of("A", "B")], "default": None},
        {"name": "plain", "type": "string"},
    )
    kind, pseudonym = type_of(record, read_fields(record), ("id", "code")), {"pseudonymise": {"key_version": 1}}
    treatments = {"id": pseudonym, "code": {"null": True}, "born": {"generalise": {"to": "month"}}, "kin": pseudonym, "use": {"null": True}}
    view = envelope.view_envelope(kind, terms_of(tuple(names_in(record)), treatments=treatments))
    parse_everywhere(view)
    fields = view["fields"][0]["type"][1]["fields"]
    assert [field.get("gongyu.treatment") for field in fields] == [*treatments.values(), None]
    assert fields[0] == {"name": "id", "type": "string", "doc": "who", "gongyu.treatment": pseudonym}, "no logical type is left"
    assert fields[1]["type"] == ["null", "long"] and "default" not in fields[1], "an untreated value would be left in the schema"
    assert fields[2]["type"] == {"type": "int", "logicalType": "date"}
    assert fields[3]["type"] == ["string", "null"] and "default" not in fields[3]
    assert fields[4]["type"][0] == "null" and fields[4]["default"] is None
    key = envelope.record_key_schema(kind, {"id": pseudonym})
    parse_everywhere(key)
    assert [(field["type"], "gongyu.treatment" in field) for field in key["fields"]] == [("string", True), ("long", False)]
    assert record["fields"][0]["type"] == uuid_, "the type's own schema stays as it was"
