"""Row text: what is of the grammar becomes a tree, what is not is refused where it stops fitting."""

import pytest

from gongyu_hub.policy.row_tree import AllOf, AnyOf, Comparison, Form, Literal, Membership, Name, Negation, Place, Prefix
from gongyu_hub.policy.rows import RowsError, parse_rows


def test_a_text_becomes_a_tree_in_which_every_part_knows_its_place() -> None:
    root = parse_rows("region LIKE '11%'\n  AND NOT status IN ('a', 'b''c')").root
    region = Prefix(Name("region", Place(1, 1)), Literal(Form.TEXT, "11%", Place(1, 13)))
    listed = (Literal(Form.TEXT, "a", Place(2, 22)), Literal(Form.TEXT, "b'c", Place(2, 27)))
    assert root == AllOf((region, Negation(Membership(Name("status", Place(2, 11)), listed), 1)), 2)


def test_words_have_any_case_and_names_have_their_own() -> None:
    root = parse_rows("a = TRUE or A = false").root
    assert isinstance(root, AnyOf)
    assert [term.field.text for term in root.terms if isinstance(term, Comparison)] == ["a", "A"]
    small, large = parse_rows("x between 1 and 2 and y not like 'a%'"), parse_rows("x BETWEEN 1 AND 2 AND y NOT LIKE 'a%'")
    assert small.root == large.root


def test_a_field_named_like_a_word_is_quoted() -> None:
    root = parse_rows('"in" = 1').root
    assert isinstance(root, Comparison)
    assert root.field == Name("in", Place(1, 1))
    assert isinstance(parse_rows("android = 1 AND island IS NULL").root, AllOf)  # begin like words


def test_numbers_are_kept_as_written() -> None:
    for text in ("0", "-1", "+2.50", "1e3", "-1.5E-7", "00123"):
        root = parse_rows(f"x<{text}").root
        assert isinstance(root, Comparison)
        assert (root.literal.form, root.literal.text, root.sign) == (Form.NUMBER, text, "<")


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("", 1, 1, "the text ends here; expected '(' or NOT or a field"),
        ("  \n ", 1, 1, "the text ends here"),
        ("a", 1, 2, "the text ends here; expected BETWEEN or IN or IS or LIKE or NOT or a comparison sign"),
        ("a =", 1, 4, "the text ends here; expected FALSE or TRUE or a number or a text in single quotes"),
        ("a = 1 AND", 1, 10, "the text ends here"),
        ("a = 1\nAND b = 'x' c", 2, 13, "unexpected 'c'; expected AND or OR or the end"),
        ("a = b", 1, 5, "unexpected 'b'"),
        ("1 = a", 1, 1, "unexpected '1'"),
        ("a == 1", 1, 4, "unexpected '='"),
        ("a = NULL", 1, 5, "unexpected 'NULL'"),
        ("a = 'it''s", 1, 5, "no closing quote"),
        ("a = 1;", 1, 6, "unexpected character ';'"),
        ("a = 1 -- comment", 1, 7, "unexpected character '-'"),
        ("lower(a) = 'x'", 1, 6, "unexpected '('"),
        ("a IN ()", 1, 7, "unexpected ')'"),
        ("a IN (1, )", 1, 10, "unexpected ')'"),
        ("a LIKE 5", 1, 8, "expected a text in single quotes"),
        ("(a = 1", 1, 7, "expected ')'"),
        ("a = 1)", 1, 6, "unexpected ')'"),
        ("a BETWEEN 1 OR 2", 1, 13, "expected AND"),
        ("a IS 1", 1, 6, "expected NOT or NULL"),
        ("not = 1", 1, 5, "unexpected '='"),
        ("a = .5", 1, 5, "unexpected character '.'"),
        ("NOT " * 101 + "a = 1", 1, 1, "more than 100 deep"),
        ("a = 1 " + "OR b " * 3, 1, 12, "unexpected 'OR'"),
        ("x" * 60 + " y", 1, 62, "unexpected 'y'"),
        ("a = 1 " + "y" * 60, 1, 7, "unexpected 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...'"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(text: str, line: int, column: int, what: str) -> None:
    with pytest.raises(RowsError) as raised:
        parse_rows(text)
    assert (raised.value.line, raised.value.column) == (line, column)
    assert what in raised.value.what
    assert str(raised.value) == f"line {line}, column {column}: {raised.value.what}"
