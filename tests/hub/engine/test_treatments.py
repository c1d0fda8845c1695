"""Treated bytes: masks and prefixes by characters, ranges, months and years at their borders, pseudonyms; nothing for an absent image."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_hub.engine.images import locate_images
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.engine.treatments import How, Memo, Memos, Treated, show, treat_views, treated_differ
from gongyu_schemas.fields import Kind
from tests.hub.engine.flat_records import encode, encode_fields, envelope, record_schema

DAY_ONE, LAST_DAY = dt.date.min.toordinal() - 719_163, dt.date.max.toordinal() - 719_163
SECRET = bytes(range(32))


def treat(kind: Kind, treated: Treated, values: list[Any], memos: Memos | None = None) -> list[bytes]:
    """The treated bytes of each value; None is an absent image."""
    record = record_schema([(kind, treated.null_branch)])
    bodies = [b"" if value is None else b"".join(encode_fields(record, {"f0": value})) for value in values]
    starts = np.cumsum([0] + [len(body) for body in bodies])
    fields, reasons = locate_images(compile_layout(envelope(record)), b"".join(bodies), starts)
    assert not reasons.any()
    out, borders = treat_views(show([0], {0: treated}), b"".join(bodies), fields, {} if memos is None else memos)
    assert [start < 0 for start in borders[:, 0].tolist()] == [value is None for value in values]
    return [b"" if start < 0 else out[start:end].tobytes() for start, end in borders.tolist()]


def text(*values: str) -> list[bytes]:
    return [encode("string", value) for value in values]


@pytest.mark.parametrize(
    ("first", "last", "value", "shown"),
    [
        (0, 0, "가나다", "***"),
        (0, 4, "010-1234-5678", "*********5678"),
        (1, 0, "김마루", "김**"),
        (1, 1, "김마루", "김*루"),
        (2, 1, "김마루", "***"),
        (0, 4, "5678", "****"),
        (1, 0, "\U0001f600\U0001f600", "\U0001f600*"),
        (0, 0, "", ""),
        (1000, 1000, "x" * 100, "*" * 100),
        (0, 1, "x" * 63 + "나", "*" * 63 + "나"),
    ],
)
def test_a_mask_keeps_characters_and_never_the_whole_text(first: int, last: int, value: str, shown: str) -> None:
    assert treat(Kind.STRING, Treated(How.MASK, 0, -1, first, last), [value, None, value]) == [*text(shown), b"", *text(shown)]


@pytest.mark.parametrize(
    ("kept", "value", "shown"), [(2, "1111010100", "11"), (2, "1", "1"), (1, "서울", "서"), (3, "", ""), (2, "ab", "ab")]
)
def test_a_prefix_is_of_characters(kept: int, value: str, shown: str) -> None:
    assert treat(Kind.STRING, Treated(How.PREFIX, 0, -1, kept), [value]) == text(shown)


def test_a_range_has_its_lower_end_and_stays_within_the_type() -> None:
    low = -(2**63)
    values = [0, 9, 10, -1, -10, low, low + 7, 2**63 - 1]
    expected = [0, 0, 10, -10, -10, low, low, 2**63 - 1 - (2**63 - 1) % 10]
    assert treat(Kind.LONG, Treated(How.RANGE, 0, -1, 10, lowest=low), values) == [encode("long", value) for value in expected]
    widest = treat(Kind.LONG, Treated(How.RANGE, 0, -1, 2**62, lowest=low), [low, -1, 2**63 - 1])
    assert widest == [encode("long", value) for value in (low, -(2**62), 2**62)]
    assert treat(Kind.INT, Treated(How.RANGE, 0, -1, 1000, lowest=-(2**31)), [-(2**31), -(2**31) + 600]) == [encode("int", -(2**31))] * 2


@given(st.integers(DAY_ONE, LAST_DAY) | st.sampled_from([DAY_ONE, LAST_DAY, -1, 0, 58, 59, 60, 11_016, 11_017, -25_509, -25_508]))
def test_months_and_years_begin_as_the_calendar_says(day: int) -> None:
    of = dt.date.fromordinal(day + 719_163)
    begins = {How.MONTH: of.replace(day=1), How.YEAR: of.replace(month=1, day=1)}
    for how, begin in begins.items():
        assert treat(Kind.DATE, Treated(how, 0, -1, 1), [of]) == [encode("int", begin.toordinal() - 719_163)]
        moment = dt.datetime.combine(of, dt.time(23, 59, 59, 999_999))
        first = (begin.toordinal() - 719_163) * 86_400_000_000
        assert treat(Kind.LOCAL_TIMESTAMP_MICROS, Treated(how, 0, -1, 86_400_000_000), [moment]) == [encode("long", first)]


def test_every_day_of_four_centuries_has_the_month_and_year_of_the_calendar() -> None:
    days = list(range(-146_097 // 2, 146_097 // 2))
    bodies = [encode("int", day) for day in days]
    starts = np.cumsum([0] + [len(body) for body in bodies])
    for how, parts in ((How.MONTH, {"day": 1}), (How.YEAR, {"month": 1, "day": 1})):
        images = np.stack([starts[:-1], starts[1:]], axis=1)
        out, borders = treat_views(show([0], {0: Treated(how, 0, -1, 1)}), b"".join(bodies), images, {})
        expected = [dt.date.fromordinal(day + 719_163).replace(**parts).toordinal() - 719_163 for day in days]
        assert out.tobytes() == b"".join(encode("int", day) for day in expected) and borders[-1, 1] == out.size
    print(f"days tried: {len(days)}")


def pseudonym(value: bytes, version: int = 1) -> bytes:
    return encode("string", f"p{version}." + hmac.new(SECRET, value, hashlib.sha256).hexdigest()[:32])


def test_a_pseudonym_is_hmac_of_the_value_with_its_version_and_equal_values_have_one() -> None:
    treated = Treated(How.PSEUDONYM, 0, -1, 1, 1, secret=SECRET)
    memos: Memos = {}
    found = treat(Kind.STRING, treated, ["900101-1234567", "가", "", "가", None, "x" * 100], memos)
    assert found == [pseudonym(b"900101-1234567"), pseudonym("가".encode()), pseudonym(b""), found[1], b"", pseudonym(b"x" * 100)]
    assert len(memos[treated]) == 5, "one for each value, and the absent image"
    assert treat(Kind.LONG, replace(treated, a=7, b=0), [300]) == [pseudonym(encode("long", 300), 7)]
    assert treat(Kind.STRING, replace(treated, secret=bytes(32)), ["가"]) != [found[1]]
    assert len(found[0]) - 1 == len("p1.") + 32, "128 bits in hexadecimal digits"


def test_null_stays_null_but_under_a_constant() -> None:
    for branch in (0, 1):
        null = bytes([2 * branch])
        for how, b in ((How.MASK, 0), (How.PREFIX, 0), (How.PSEUDONYM, 1)):
            record = [None, "ab"]
            schema = record_schema([(Kind.STRING, branch)])
            bodies = [b"".join(encode_fields(schema, {"f0": value})) for value in record]
            images = np.array([[0, 1], [1, 1 + len(bodies[1])]])
            treated = Treated(how, 0, branch, 1, b, secret=SECRET)
            out, borders = treat_views(show([0], {0: treated}), b"".join(bodies), images, {})
            assert out[: borders[0, 1]].tobytes() == null
            assert out[borders[1, 0]] == 2 - 2 * branch
            constant = Treated(How.CONSTANT, 0, branch, constant=b"\x02!")
            assert treat_views(show([0], {0: constant}), b"".join(bodies), images, {})[0].tobytes() == b"\x02!\x02!"


@pytest.mark.parametrize("how", list(How))
def test_a_field_without_bytes_stays_without(how: How) -> None:
    """As one inside a record that is null."""
    treated = Treated(how, 1, -1, 10, 4, constant=b"\x02!", secret=SECRET)
    out, borders = treat_views(show([0, 1], {1: treated}), b"\x02a", np.array([[0, 2, 2]]), {})
    assert (out.tobytes(), borders.tolist()) == (b"\x02a", [[0, 2, 2]])


def test_a_view_has_clear_and_treated_fields_in_its_order() -> None:
    record = record_schema([(Kind.STRING, -1), (Kind.INT, -1), (Kind.STRING, -1), (Kind.LONG, -1)])
    data = {"f0": "clear", "f1": 17, "f2": "hidden", "f3": 5}
    parts = encode_fields(record, data)
    fields, _ = locate_images(compile_layout(envelope(record)), b"".join(parts), [0, len(b"".join(parts))])
    treated = {2: Treated(How.MASK, 2, -1), 1: Treated(How.RANGE, 1, -1, 10, lowest=-(2**31))}
    out, borders = treat_views(show([0, 1, 2], treated), b"".join(parts), fields, {})
    [places] = borders.tolist()
    assert [out[start:end].tobytes() for start, end in pairwise(places)] == [parts[0], encode("int", 10), *text("******")]


def test_blurred_values_differ_only_if_it_shows() -> None:
    old, new = b"".join(encode("long", value) for value in (1, 9, 19)), b"".join(encode("long", value) for value in (9, 10, 11))
    images = np.array([[0, 1], [1, 2], [2, 3]])
    ten = Treated(How.RANGE, 0, -1, 10, lowest=-(2**63))
    assert treated_differ(ten, old, images, new, images, {}).tolist() == [False, True, False]


def test_which_treatments_can_make_different_values_equal() -> None:
    assert {how for how in How if Treated(how, 0, -1).blurs} == set(How) - {How.PSEUDONYM, How.CONSTANT}


def test_a_secret_is_in_no_text() -> None:
    treated = Treated(How.PSEUDONYM, 0, -1, 1, 1, secret=SECRET)
    assert "secret" not in f"{treated!r} {treated}" and repr(SECRET) not in repr({treated: Memo(treated)})
