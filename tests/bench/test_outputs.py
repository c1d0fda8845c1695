"""The mapping of the hub's outputs to the form in which the job states them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from gongyu_schemas import wire
from gongyu_schemas.envelope import ViewTerms, record_key_schema, view_envelope
from tests.bench.job import information_type
from tests.bench.outputs import job_body, job_key

FIELDS = ("resident_id", "name", "region_code", "address", "status")
TERMS = ViewTerms(
    subscriber="bench",
    grant="g00",
    version=1,
    fields=FIELDS,
    purpose={"code": "bench", "text": "Measuring"},
    legal_basis={"statute": "Act on Measuring", "article": "1", "valid_from": "2020-01-01", "valid_to": None},
    valid_from=None,
    valid_to=None,
)
VIEW = fastavro.parse_schema(view_envelope(information_type(), TERMS))
KEY = fastavro.parse_schema(record_key_schema(information_type()))
OUT = fastavro.parse_schema(
    {
        "type": "record",
        "name": "ViewChange",
        "fields": [
            {
                "name": "before",
                "type": ["null", {"type": "record", "name": "V", "fields": [{"name": name, "type": "string"} for name in FIELDS]}],
            },
            {"name": "after", "type": ["null", "V"]},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": "long"},
        ],
    }
)

images = st.none() | st.fixed_dictionaries({name: st.text(max_size=200) for name in FIELDS})
changes = st.fixed_dictionaries(
    {
        "before": images,
        "after": images,
        "op": st.sampled_from("cudr"),
        "ts_ms": st.integers(0, 2**62),
        "source": st.fixed_dictionaries(
            {
                "partition": st.integers(0, 3),
                "offset": st.integers(0, 2**40),
                "reason": st.none() | st.just("left"),
                "act": st.none() | st.text(max_size=5),
            }
        ),
    }
)


def encode(schema: Any, value: dict[str, Any]) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, schema, value)
    return body.getvalue()


@given(changes)
def test_a_delivery_cut_after_ts_ms_is_the_jobs_output(change: dict[str, Any]) -> None:
    assert job_body(wire.frame(7, encode(VIEW, change))) == encode(OUT, change)


@given(st.text(max_size=200))
def test_the_key_records_string_is_the_jobs_key(resident_id: str) -> None:
    assert job_key(wire.frame(7, encode(KEY, {"resident_id": resident_id}))) == resident_id.encode()
