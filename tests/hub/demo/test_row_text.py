"""The reference's row predicates: PostgreSQL's three-valued logic; sqlite agrees with it on these operators."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_hub.demo.row_text import RowTextError, compile_rows
from gongyu_schemas.fields import Field, Kind

FIELDS = (
    Field("n", Kind.LONG, 0),
    Field("t", Kind.STRING, 0),
    Field("b", Kind.BOOLEAN, 0),
    Field("day", Kind.DATE, 0),
    Field("at", Kind.TIMESTAMP_MILLIS, 0),
    Field("local", Kind.LOCAL_TIMESTAMP_MICROS, 0),
    Field("hour", Kind.TIME_MILLIS, 0),
    Field("price", Kind.DECIMAL, 0, precision=9, scale=2),
    Field("rate", Kind.DOUBLE, 0),
    Field("size", Kind.ENUM, 0, symbols=("S", "M", "L")),
    Field("id", Kind.UUID, 0),
)
NOTHING: dict[str, Any] = dict.fromkeys(field.name for field in FIELDS)


def truth(text: str, **values: Any) -> bool | None:
    return compile_rows(text, FIELDS)({**NOTHING, **values})


@pytest.mark.parametrize("text", ["n = 1", "n <> 1", "n != 1", "n < 1", "n <= 1", "n > 1", "n >= 1", "n IN (1, 2)", "n NOT IN (1)"])
def test_a_comparison_with_null_is_null(text: str) -> None:
    assert truth(text) is None


@pytest.mark.parametrize("text", ["n = NULL", "n <> NULL", "n IN (NULL)", "NOT (n = NULL)"])
def test_a_comparison_to_the_literal_null_is_null(text: str) -> None:
    assert truth(text, n=1) is None


def test_in_with_null_among_the_literals_is_true_or_null_never_false() -> None:
    assert truth("n IN (1, NULL)", n=1) is True
    assert truth("n IN (1, NULL)", n=2) is None
    assert truth("n NOT IN (1, NULL)", n=2) is None
    assert truth("n NOT IN (1, NULL)", n=1) is False


def test_between_with_a_null_end_can_be_false() -> None:
    assert truth("n BETWEEN NULL AND 5", n=6) is False
    assert truth("n BETWEEN NULL AND 5", n=5) is None
    assert truth("n NOT BETWEEN 1 AND 5", n=6) is True


def test_is_null_is_never_null() -> None:
    assert truth("n IS NULL") is True
    assert truth("n IS NOT NULL") is False


def test_and_binds_before_or_and_not_before_and() -> None:
    assert truth("n = 1 OR n = 2 AND t = 'x'", n=1, t="y") is True
    assert truth("NOT n = 1 AND t = 'x'", n=1, t="x") is False
    assert truth("NOT (n = 1 AND t = 'x')", n=1, t="y") is True


def test_words_may_be_written_small() -> None:
    assert truth("not n is null and n in (1,2)", n=1) is True


def test_like_is_a_prefix() -> None:
    assert truth("t LIKE '11%'", t="1168") is True
    assert truth("t LIKE '11%'", t="211") is False
    assert truth("t NOT LIKE '11%'", t="211") is True
    assert truth("t LIKE '%'", t="") is True
    assert truth("t LIKE '11%'") is None


def test_a_doubled_quote_is_a_quote() -> None:
    assert truth("t = 'O''Brien'", t="O'Brien") is True


def test_texts_compare_by_code_point() -> None:
    assert truth("t < '나'", t="가") is True
    assert truth("t > 'Z'", t="a") is True
    assert truth("t < '\U0001f600'", t="\uffff") is True


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("b = TRUE", {"b": True}),
        ("b <> FALSE", {"b": True}),
        ("n = -5", {"n": -5}),
        ("day = '1969-12-31'", {"day": -1}),
        ("at = '1970-01-01 00:00:01Z'", {"at": 1000}),
        ("at = '1970-01-01 09:00:01+09:00'", {"at": 1000}),
        ("local = '1970-01-01 00:00:01.000002'", {"local": 1_000_002}),
        ("hour = '01:02:03.004'", {"hour": 3_723_004}),
        ("price = 12.5", {"price": 1250}),
        ("price < 12.505", {"price": 1250}),
        ("rate > 1", {"rate": (True, 0.0)}),
        ("rate = 0", {"rate": (False, -0.0)}),
        ("size = 'M'", {"size": "M"}),
        ("size < 'L'", {"size": "M"}),
        ("id = '00000000-0000-0000-0000-00000000000a'", {"id": "00000000-0000-0000-0000-00000000000a"}),
    ],
)
def test_literals_are_cast_to_the_logical_type(text: str, values: dict[str, Any]) -> None:
    assert truth(text, **values) is True


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("nobody = 1", 0),
        ("n = 'x'", 4),
        ("n = ", 4),
        ("n = 1 AND", 9),
        ("n = 1)", 5),
        ("(n = 1", 6),
        ("n ~ 1", 2),
        ("t = 'open", 4),
        ("t LIKE 'a_b%'", 7),
        ("t LIKE '%a'", 7),
        ("n LIKE '1%'", 7),
        ("day = '2026-02-30'", 6),
        ("size = 'XL'", 7),
        ("t = 5", 4),
        ("n IN ()", 6),
        ("n IS 5", 5),
    ],
)
def test_a_mistake_is_reported_at_its_place(text: str, at: int) -> None:
    with pytest.raises(RowTextError) as raised:
        compile_rows(text, FIELDS)
    assert raised.value.at == at


numbers = st.one_of(st.none(), st.integers(-3, 3))
texts = st.one_of(st.none(), st.text(alphabet="ab'가%_", max_size=3))


def spelled(value: int | str | None) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def comparisons_of(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    literal = values.map(spelled)
    maybe_not = st.sampled_from(["", "NOT "])
    return st.one_of(
        st.builds("{} {} {}".format, st.just(name), st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="]), literal),
        st.builds("{} {}IN ({})".format, st.just(name), maybe_not, st.lists(literal, min_size=1, max_size=3).map(", ".join)),
        st.builds("{} {}BETWEEN {} AND {}".format, st.just(name), maybe_not, literal, literal),
        st.builds("{} IS {}NULL".format, st.just(name), maybe_not),
    )


prefixes = st.text(alphabet="ab가", max_size=2)
like = st.builds("t {}LIKE '{}%'".format, st.sampled_from(["", "NOT "]), prefixes)
predicates = st.recursive(
    st.one_of(comparisons_of("n", numbers), comparisons_of("t", texts), like),
    lambda inner: st.one_of(
        st.builds("({})".format, inner),
        st.builds("NOT {}".format, inner.map("({})".format)),
        st.builds("{} {} {}".format, inner, st.sampled_from(["AND", "OR"]), inner),
    ),
    max_leaves=6,
)


@given(text=predicates, n=numbers, t=texts)
def test_every_predicate_answers_as_sqlite_does(text: str, n: int | None, t: str | None) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        [(answer,)] = database.execute(f"SELECT {text} FROM (SELECT ? AS n, ? AS t)", (n, t))
    database.close()
    assert truth(text, n=n, t=t) == (None if answer is None else bool(answer))
