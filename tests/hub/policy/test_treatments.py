"""What a grant may do to which field, and constants as Avro bytes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
import pytest
from pydantic import ValidationError

from gongyu_hub.policy.constants import ConstantError, encode_constant
from gongyu_hub.policy.treatments import Treatment, growth_bytes, misfit
from gongyu_schemas.fields import Field, Kind
from tests.hub.demo.random_treatments import OF_KIND
from tests.hub.engine.flat_records import PRECISION, SCALE, SYMBOLS, kind_schema

DATES = {Kind.DATE, Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS, Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS}
FITTING: list[tuple[dict[str, Any], set[Kind]]] = [
    ({"mask": "all"}, {Kind.STRING}),
    ({"mask": {"keep_last": 4}}, {Kind.STRING}),
    ({"null": True}, set(OF_KIND)),
    ({"generalise": {"to": "month"}}, DATES),
    ({"generalise": {"to": "year"}}, DATES),
    ({"generalise": {"range": 10}}, {Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}),
    ({"generalise": {"prefix": 2}}, {Kind.STRING}),
    ({"pseudonymise": {"key_version": 1}}, set(OF_KIND) - {Kind.BOOLEAN, Kind.ENUM, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}),
]


def field(kind: Kind, null_branch: int = -1) -> Field:
    return Field("f", kind, null_branch, symbols=tuple(SYMBOLS), precision=PRECISION, scale=SCALE)


@pytest.mark.parametrize(("said", "kinds"), FITTING, ids=lambda each: str(each) if isinstance(each, dict) else "")
def test_each_treatment_fits_its_kinds_and_no_others(said: dict[str, Any], kinds: set[Kind]) -> None:
    treatment = Treatment.model_validate(said)
    assert {kind for kind in Kind if misfit(field(kind), treatment, is_key=False) is None} == kinds
    as_key = {kind for kind in Kind if misfit(field(kind), treatment, is_key=True) is None}
    assert as_key == (kinds if "pseudonymise" in said else set()), "a key field is clear or pseudonymised"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"null": False},
        {"null": True, "mask": "all"},
        {"mask": "some"},
        {"mask": {"keep_last": -1}},
        {"mask": {"keep_last": True}},
        {"mask": {"keep": 1}},
        {"mask": None},
        {"constant": None},
        {"constant": [1]},
        {"constant": float("nan")},
        {"constant": "x" * 201},
        {"generalise": {}},
        {"generalise": {"to": "day"}},
        {"generalise": {"to": "month", "prefix": 1}},
        {"generalise": {"range": 1}},
        {"generalise": {"prefix": 0}},
        {"pseudonymise": {}},
        {"pseudonymise": {"key_version": 0}},
        {"pseudonymise": {"key_version": "1"}},
        {"encrypt": True},
    ],
)
def test_what_says_none_or_two_or_nonsense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Treatment.model_validate(said)


def test_there_is_one_way_to_write_it_down() -> None:
    assert Treatment.model_validate({"mask": "all"}).content() == {"mask": {"keep_first": 0, "keep_last": 0}}
    assert Treatment.model_validate({"constant": False}).content() == {"constant": False}
    for said, _ in FITTING:
        content = Treatment.model_validate(said).content()
        assert Treatment.model_validate(content).content() == content


CONSTANTS: list[tuple[Kind, Any, Any]] = [
    (Kind.BOOLEAN, True, True),
    (Kind.INT, -(2**31), -(2**31)),
    (Kind.LONG, 2**63 - 1, 2**63 - 1),
    (Kind.FLOAT, 1.5, 1.5),
    (Kind.DOUBLE, 3, 3.0),
    (Kind.STRING, "가려짐", "가려짐"),
    (Kind.STRING, "", ""),
    (Kind.ENUM, "ALL", "ALL"),
    (Kind.DATE, "1970-01-02", 1),
    (Kind.TIME_MILLIS, "00:00:01", 1000),
    (Kind.TIMESTAMP_MICROS, "1970-01-01T09:00:01+09:00", 1_000_000),
    (Kind.LOCAL_TIMESTAMP_MILLIS, "1969-12-31T23:59:59.999", -1),
    (Kind.DECIMAL, "-0.128", b"\x80"),
    (Kind.DECIMAL, 7, (7000).to_bytes(2, "big")),
    (Kind.UUID, "01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"),
]


@pytest.mark.parametrize(("kind", "value", "raw"), CONSTANTS)
def test_a_constant_is_encoded_as_fastavro_does(kind: Kind, value: Any, raw: Any) -> None:
    schema = kind_schema(kind, "f")
    out = BytesIO()
    plain = {name: part for name, part in schema.items() if name != "logicalType"} if isinstance(schema, dict) else schema
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain), raw)
    assert encode_constant(field(kind), value) == out.getvalue()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.BOOLEAN, 1),
        (Kind.INT, 2**31),
        (Kind.INT, True),
        (Kind.INT, 1.0),
        (Kind.LONG, "1"),
        (Kind.FLOAT, 1e39),
        (Kind.DOUBLE, "1"),
        (Kind.DOUBLE, 10**400),
        (Kind.STRING, 1),
        (Kind.ENUM, "NEITHER"),
        (Kind.DATE, "1970-02-30"),
        (Kind.TIME_MILLIS, "00:00:00.0001"),
        (Kind.TIMESTAMP_MILLIS, "1970-01-01T00:00:00"),
        (Kind.DECIMAL, "0.0001"),
        (Kind.DECIMAL, 0.5),
        (Kind.DECIMAL, "1" * 13),
        (Kind.DECIMAL, "1e3"),
        (Kind.UUID, "0"),
    ],
)
def test_a_constant_that_the_field_does_not_hold_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(ConstantError):
        encode_constant(field(kind), value)
    assert misfit(field(kind), Treatment.model_validate({"constant": value}), is_key=False) is not None if value != 10**400 else True


def test_a_treated_record_is_hardly_longer_than_its_own() -> None:
    def growth(kind: Kind, said: dict[str, Any]) -> int:
        return growth_bytes(field(kind), Treatment.model_validate(said))

    assert growth(Kind.STRING, {"mask": "all"}) == growth(Kind.STRING, {"null": True}) == 0
    assert growth(Kind.INT, {"pseudonymise": {"key_version": 9_999_999}}) == len("p9999999.") + 32 + 1
    assert growth(Kind.STRING, {"constant": "가" * 200}) == 602
    assert growth(Kind.LONG, {"generalise": {"range": 2**62}}) == 10
