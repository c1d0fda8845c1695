"""Treatments of every sort for fields of every kind (hypothesis strategies)."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gongyu_hub.policy.treatments import Treatment, misfit
from gongyu_schemas.fields import Field, Kind
from gongyu_schemas.granted import leaves_of
from gongyu_schemas.information_type import InformationType

_PSEUDONYM = st.integers(1, 3).map(lambda version: {"pseudonymise": {"key_version": version}})
_NULL = st.just({"null": True})
_PERIOD = st.sampled_from([{"generalise": {"to": "month"}}, {"generalise": {"to": "year"}}])
_RANGE = st.sampled_from([2, 3, 10, 2**62]).map(lambda width: {"generalise": {"range": width}})
_MASK = st.sampled_from([{"mask": "all"}, *({"mask": {"keep_first": a, "keep_last": b}} for a in (0, 1, 2) for b in (0, 1, 5))])
_PREFIX = st.integers(1, 2).map(lambda length: {"generalise": {"prefix": length}})


def _constant(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values).map(lambda value: {"constant": value})


_INSTANT = [_NULL, _constant("1970-01-31T12:00:00Z", "2024-02-29T00:00:00+09:00"), _PERIOD, _PSEUDONYM]
_LOCAL = [_NULL, _constant("1970-01-31T12:00:00"), _PERIOD, _PSEUDONYM]
_TIME = [_NULL, _constant("12:34:56"), _PSEUDONYM]
OF_KIND: dict[Kind, list[st.SearchStrategy[Any]]] = {
    Kind.BOOLEAN: [_NULL, _constant(True, False)],
    Kind.INT: [_NULL, _constant(0, -7, 2**31 - 1), _RANGE, _PSEUDONYM],
    Kind.LONG: [_NULL, _constant(0, -7, -(2**63)), _RANGE, _PSEUDONYM],
    Kind.FLOAT: [_NULL, _constant(0, 0.1, -2.5), _RANGE],
    Kind.DOUBLE: [_NULL, _constant(0, 0.1, -2.5), _RANGE],
    Kind.STRING: [_NULL, _constant("", "가린 값", "x" * 70), _MASK, _MASK, _PREFIX, _PSEUDONYM],
    Kind.ENUM: [_NULL, _constant("M")],
    Kind.DATE: [_NULL, _constant("1970-01-01", "0001-01-01"), _PERIOD, _PSEUDONYM],
    Kind.TIME_MILLIS: _TIME,
    Kind.TIME_MICROS: _TIME,
    Kind.TIMESTAMP_MILLIS: _INSTANT,
    Kind.TIMESTAMP_MICROS: _INSTANT,
    Kind.LOCAL_TIMESTAMP_MILLIS: _LOCAL,
    Kind.LOCAL_TIMESTAMP_MICROS: _LOCAL,
    Kind.DECIMAL: [_NULL, _constant("1.05", 7, "-9999999.99"), _RANGE],
    Kind.UUID: [_NULL, _constant("00000000-0000-0000-0000-00000000000a"), _PSEUDONYM],
}


def of_field(field: Field, *, is_key: bool) -> st.SearchStrategy[Any]:
    """Of a decimal only what its digits hold."""
    if is_key:
        return _PSEUDONYM
    sorts = st.one_of(OF_KIND[field.kind]) if field.kind is not Kind.ENUM else st.one_of(_NULL, _constant(*field.symbols))
    return sorts.filter(lambda said: misfit(field, Treatment.model_validate(said), is_key=False) is None)


def of_grant(information_type: InformationType, names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """For most of these fields, and of those inside these records."""
    leaves = leaves_of(names, information_type.fields)
    fields = [each for each in information_type.fields if each.name in leaves and each.kind in OF_KIND]
    chosen = {each.name: st.one_of(st.none(), *[of_field(each, is_key=each.name in information_type.key)] * 3) for each in fields}
    return st.fixed_dictionaries(chosen).map(lambda said: {name: each for name, each in said.items() if each is not None})
