"""Row text against fields: literals are cast to the field's logical type, what does not fit is refused where it stands."""

import struct
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_hub.policy.row_literals import cast_literal
from gongyu_hub.policy.row_tree import Form, Literal, Place
from gongyu_hub.policy.row_types import EQUAL, GREATER, LESS, All, Compared, IsNull, Not, OneOf, StartsWith, TypedRows
from gongyu_hub.policy.row_types import Any as AnyTerm
from gongyu_hub.policy.rows import RowsError, parse_rows, type_rows
from gongyu_schemas.fields import COMPARABLE, Field, Kind

FIELDS = tuple(
    Field(kind.value.replace("-", "_"), kind, symbols=("LOW", "HIGH") if kind is Kind.ENUM else (), precision=5, scale=2)
    for kind in Kind
    if kind in COMPARABLE
)
INDEX = {field.kind: index for index, field in enumerate(FIELDS)}


def typed(text: str) -> TypedRows:
    return type_rows(parse_rows(text), FIELDS)


def literal_value(kind: Kind, text: str) -> Any:
    root = typed(f"{kind.value.replace('-', '_')} = {text}").root
    assert isinstance(root, Compared)
    assert (root.index, root.accepted) == (INDEX[kind], EQUAL)
    return root.value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.BOOLEAN, "TRUE", 1),
        (Kind.BOOLEAN, "false", 0),
        (Kind.INT, "-2147483648", -(2**31)),
        (Kind.INT, "+007", 7),
        (Kind.LONG, "9223372036854775807", 2**63 - 1),
        (Kind.STRING, "'it''s'", b"it's"),
        (Kind.STRING, "''", b""),
        (Kind.STRING, "'\\n 가'", "\\n 가".encode()),
        (Kind.ENUM, "'HIGH'", 1),
        (Kind.DATE, "'1970-01-01'", 0),
        (Kind.DATE, "'0001-01-01'", -719162),
        (Kind.DATE, "'2024-02-29'", 19782),
        (Kind.TIME_MILLIS, "'23:59:59.999'", 86_399_999),
        (Kind.TIME_MILLIS, "'12:00'", 43_200_000),
        (Kind.TIME_MILLIS, "'00:00:00.100000'", 100),
        (Kind.TIME_MICROS, "'00:00:01.000001'", 1_000_001),
        (Kind.TIMESTAMP_MILLIS, "'1970-01-01T00:00:00Z'", 0),
        (Kind.TIMESTAMP_MILLIS, "'1970-01-01 09:00:00.5+09:00'", 500),
        (Kind.TIMESTAMP_MILLIS, "'1969-12-31T23:59:59.999Z'", -1),
        (Kind.TIMESTAMP_MICROS, "'1969-12-31T14:30:00-09:30'", 0),
        (Kind.TIMESTAMP_MICROS, "'9999-12-31T23:59:59.999999Z'", 253402300799999999),
        (Kind.LOCAL_TIMESTAMP_MILLIS, "'1970-01-02T00:00'", 86_400_000),
        (Kind.LOCAL_TIMESTAMP_MICROS, "'0001-01-01 00:00:00'", -62135596800000000),
        (Kind.DECIMAL, "12.34", 1234),
        (Kind.DECIMAL, "-1e1", -1000),
        (Kind.UUID, "'01234567-89AB-cdef-0123-456789abcdef'", b"01234567-89ab-cdef-0123-456789abcdef"),
        (Kind.DOUBLE, "-0.0", 0),
        (Kind.DOUBLE, "'NaN'", 2**63 - 1),
        (Kind.DOUBLE, "'Infinity'", 0x7FF0000000000000),
        (Kind.FLOAT, "'-Infinity'", -0x7F800000),
        (Kind.FLOAT, "1", 0x3F800000),
    ],
)
def test_a_literal_is_cast_to_the_type_of_its_field(kind: Kind, text: str, value: Any) -> None:
    assert literal_value(kind, text) == value


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("nothing = 1", 1, "there is no field 'nothing'; the fields are boolean, int,"),
        ("int = 1 AND nothing IS NULL", 13, "there is no field"),
        ("Int = 1", 1, "there is no field 'Int'"),
        ("int = 2147483648", 7, "it holds -2147483648 to 2147483647 only"),
        ("long = 9223372036854775808", 8, "it holds"),
        ("int = 1.0", 7, "a whole number"),
        ("int = 1e2", 7, "a whole number"),
        ("int = 'x'", 7, "it is compared with a number, not with a text"),
        ("int = TRUE", 7, "not with TRUE or FALSE"),
        ("boolean = 1", 11, "it is compared with TRUE or FALSE"),
        ("boolean < TRUE", 11, "it has no order"),
        ("string = 1", 10, "it is compared with a text"),
        ("enum = 'MIDDLE'", 8, "has no symbol 'MIDDLE'; it has LOW, HIGH"),
        ("enum IN ('LOW', 'low')", 17, "has no symbol 'low'"),
        ("enum > 'LOW'", 8, "it has no order"),
        ("enum BETWEEN 'LOW' AND 'HIGH'", 14, "it has no order"),
        ("uuid >= '01234567-89ab-cdef-0123-456789abcdef'", 9, "it has no order"),
        ("uuid = '0123456789abcdef0123456789abcdef'", 8, "is no uuid in the form of"),
        ("uuid = 'x'", 8, "is no uuid"),
        ("date = '2023-02-29'", 8, "there is no day 2023-02-29"),
        ("date = '0000-01-01'", 8, "there is no day"),
        ("date = '2023-1-1'", 8, "write it as 'YYYY-MM-DD'"),
        ("date = '2023-01-01T00:00:00'", 8, "write it as"),
        ("date = '２023-01-01'", 8, "write it as"),
        ("date = 20230101", 8, "it is compared with a text"),
        ("time_millis = '24:00:00'", 15, "from 00:00:00 to 23:59:59"),
        ("time_millis = '12:00:60'", 15, "from 00:00:00 to 23:59:59"),
        ("time_millis = '12:00:00.0005'", 15, "it holds 3 digits of a second only"),
        ("time_micros = '12:00:00.0000005'", 15, "it holds 6 digits of a second only"),
        ("time_micros = '12:00:00Z'", 15, "write it as"),
        ("timestamp_millis = '2024-01-01T00:00:00'", 20, "Z'"),
        ("timestamp_millis = '2024-01-01T00:00:00.1234Z'", 20, "it holds 3 digits"),
        ("timestamp_millis = '2024-01-01T00:00:00+16:00'", 20, "the offset goes from"),
        ("timestamp_micros = '0001-01-01T00:00:00+00:01'", 20, "outside the years 1 to 9999"),
        ("timestamp_micros = '9999-12-31T23:59:59-00:01'", 20, "outside the years 1 to 9999"),
        ("local_timestamp_millis = '2024-01-01T00:00:00Z'", 26, "without a zone"),
        ("local_timestamp_micros = '2024-01-01'", 26, "without a zone"),
        ("float = 1e39", 9, "no number so large"),
        ("float = 1e-60", 9, "no number so small"),
        ("double = 1e400", 10, "no number so large"),
        ("double = 'nan'", 10, "a number, 'NaN'"),
        ("double = TRUE", 10, "a number, 'NaN'"),
        ("decimal = '1'", 11, "it is compared with a number"),
        ("decimal = 1e1001", 11, "more than 1000 digits"),
        ("decimal = 1e99999999999999999999", 11, "more than 1000 digits"),
        ("long = " + "9" * 5000, 8, "more than 1000 digits"),
        ("int LIKE '1%'", 10, "LIKE is for strings"),
        ("string LIKE 'abc'", 13, "a prefix with one % at its end"),
        ("string LIKE 'a%b%'", 15, "'%' is not allowed here"),
        ("string LIKE 'it''s_%'", 19, "'_' is not allowed here"),
        ("string LIKE 'a\\%'", 15, "'\\\\' is not allowed here"),
        ("string LIKE '%%'", 14, "'%' is not allowed here"),
    ],
)
def test_what_a_field_cannot_be_compared_with_is_refused_at_its_place(text: str, column: int, what: str) -> None:
    with pytest.raises(RowsError) as raised:
        typed(text)
    assert (raised.value.line, raised.value.column) == (1, column)
    assert what in raised.value.what


def test_the_place_in_a_pattern_of_several_lines_is_exact() -> None:
    with pytest.raises(RowsError) as raised:
        typed("string LIKE 'a\nb_c%'")
    assert (raised.value.line, raised.value.column) == (2, 2)


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(RowsError, match="no string can hold"):
        typed("string = '\ud800'")


def test_every_form_is_typed() -> None:
    string, number = INDEX[Kind.STRING], INDEX[Kind.INT]
    root = typed("NOT string LIKE 'a%' AND (int BETWEEN 1 AND 2 OR string IS NOT NULL OR string IN ('b', 'a', 'b'))").root
    between = All((Compared(number, 1, GREATER | EQUAL), Compared(number, 2, LESS | EQUAL)))
    listed = OneOf(string, (b"a", b"b"))
    assert root == All((Not(StartsWith(string, b"a")), AnyTerm((between, Not(IsNull(string)), listed))))


@pytest.mark.parametrize(
    ("sign", "value", "accepted"),
    [
        ("=", 100, 0),
        ("<>", 100, LESS | EQUAL | GREATER),
        ("<", 100, LESS | EQUAL),
        ("<=", 100, LESS | EQUAL),
        (">", 100, GREATER),
        (">=", 100, GREATER),
    ],
)
def test_a_number_between_two_decimals_is_compared_exactly(sign: str, value: int, accepted: int) -> None:
    assert typed(f"decimal {sign} 1.009").root == Compared(INDEX[Kind.DECIMAL], value, accepted)
    assert typed("decimal IN (1.009, 0.5)").root == OneOf(INDEX[Kind.DECIMAL], (50,))


def float_of(bits: int) -> Fraction:
    return Fraction(struct.unpack("<f", struct.pack("<I", bits))[0])


@given(st.integers(1, 0x7F000000), st.booleans(), st.sampled_from(["", "-"]))
def test_a_float_literal_is_rounded_once_to_the_nearest_float(bits: int, up: bool, sign: str) -> None:
    """A hair beside the middle of two floats: rounding to a double first would land on the middle, and then go to the even one."""
    middle = (float_of(bits) + float_of(bits + 1)) / 2
    beside = middle + Fraction(1 if up else -1, 10**400)
    literal = Literal(Form.NUMBER, f"{sign}{int(beside * 10**420)}e-420", Place(1, 1))
    nearest = bits + 1 if up else bits
    assert cast_literal(Field("x", Kind.FLOAT), literal) == (-nearest if sign else nearest)
