"""A type told and read again is the type, as far as a view goes."""

from __future__ import annotations

import json

import pytest

from gongyu_schemas.catalogue import describe, read_description, summarise
from gongyu_schemas.envelope import record_key_schema, view_envelope
from gongyu_schemas.errors import FatalError
from gongyu_schemas.information_type import load_types, shipped_types
from tests.schemas.models import terms_of

TYPES = load_types(shipped_types())


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_view_derived_from_the_description_is_the_one_derived_from_the_type(name: str) -> None:
    known = TYPES[name]
    told = read_description(json.loads(json.dumps(describe(known))))
    terms = terms_of(tuple(field.name for field in known.fields))
    assert view_envelope(told, terms) == view_envelope(known, terms)
    assert record_key_schema(told) == record_key_schema(known)
    assert summarise(told) == summarise(known)


def test_how_a_type_is_kept_and_published_is_not_told() -> None:
    text = json.dumps(describe(TYPES["resident"]), ensure_ascii=False)
    assert "partitions" not in text and "columns" not in text and "주민등록번호" not in text


@pytest.mark.parametrize("content", [None, [], {}, {"name": "x"}, {**describe(TYPES["resident"]), "record": {"type": "record"}}])
def test_what_is_no_description_is_refused(content: object) -> None:
    with pytest.raises(FatalError, match="update gongyu"):
        read_description(content)
