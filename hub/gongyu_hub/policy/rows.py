"""Row text: which rows of an information type a grant covers.

Enters the text, leaves a tree (`Rows`) in which every part knows its place; text that is not of the grammar in
`rows.lark` is a RowsError at the line and column of the first character that does not fit. `type_rows` then says
what the names and literals mean for the fields of a record.
"""

from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from gongyu_hub.policy.row_tree import (
    Absence,
    AllOf,
    AnyOf,
    Comparison,
    Form,
    Interval,
    Literal,
    Membership,
    Name,
    Negation,
    Node,
    Place,
    Prefix,
    Rows,
    RowsError,
)
from gongyu_hub.policy.row_types import TypedRows, type_rows

__all__ = ["Rows", "RowsError", "TypedRows", "parse_rows", "type_rows"]

MAX_DEPTH = 100  # of NOT and parentheses inside each other


def parse_rows(text: str) -> Rows:
    """The tree of a row text. Raises RowsError."""
    try:
        # Every parser callback returns a Node, and the start rule passes one on.
        root: Any = _parser().parse(text)
    except UnexpectedCharacters as error:
        raise RowsError(error.line, error.column, _bad_character(error.char)) from error
    except UnexpectedToken as error:
        line, column = _end_of(text) if error.token.type == "$END" else (error.line, error.column)
        raise RowsError(line, column, _bad_token(error)) from error
    return Rows(text, root)


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "rows.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", transformer=_TreeBuilder(), maybe_placeholders=True)


class _TreeBuilder(Transformer[Token, Any]):
    """Called by the parser at the end of each rule, so the depth of the text costs no recursion."""

    def field(self, parts: list[Token]) -> Name:
        return Name(parts[0].replace('"', ""), _place(parts[0]))

    def literal(self, parts: list[Token]) -> Literal:
        token = parts[0]
        if token.type == "TEXT":
            return _text(token)
        return Literal(Form.NUMBER if token.type == "NUMBER" else Form.BOOLEAN, str(token), _place(token))

    def comparison(self, parts: list[Any]) -> Node:
        return Comparison(parts[0], str(parts[1]), parts[2])

    def membership(self, parts: list[Any]) -> Node:
        return _negate_if(parts[1], Membership(parts[0], tuple(parts[2:])))

    def interval(self, parts: list[Any]) -> Node:
        return _negate_if(parts[1], Interval(parts[0], parts[2], parts[3]))

    def prefix(self, parts: list[Any]) -> Node:
        return _negate_if(parts[1], Prefix(parts[0], _text(parts[2])))

    def absence(self, parts: list[Any]) -> Node:
        return _negate_if(parts[1], Absence(parts[0]))

    def negation(self, parts: list[Any]) -> Node:
        return Negation(parts[1], _deeper(parts[0], [parts[1]]))

    def all_of(self, parts: list[Any]) -> Node:
        return AllOf(tuple(parts), _deeper(None, parts))

    def any_of(self, parts: list[Any]) -> Node:
        return AnyOf(tuple(parts), _deeper(None, parts))


def _negate_if(word: Token | None, node: Node) -> Node:
    return node if word is None else Negation(node, 1)


def _deeper(token: Token | None, terms: list[Node]) -> int:
    depth = 1 + max(_depth(term) for term in terms)
    if depth > MAX_DEPTH:
        place = Place(1, 1) if token is None else _place(token)
        raise RowsError(*place, f"NOT and parentheses lie more than {MAX_DEPTH} deep inside each other")
    return depth


def _depth(node: Node) -> int:
    return node.depth if isinstance(node, Negation | AllOf | AnyOf) else 0


def _text(token: Token) -> Literal:
    return Literal(Form.TEXT, str(token)[1:-1].replace("''", "'"), _place(token))


def _place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


def _end_of(text: str) -> Place:
    """Where the text ends, blanks behind it left out: something is missing there."""
    lines = text.rstrip().split("\n")
    return Place(len(lines), len(lines[-1]) + 1)


_WORDS = {
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "NAME": "a field",
    "SIGN": "a comparison sign",
    "TEXT": "a text in single quotes",
    "NUMBER": "a number",
    "$END": "the end",
}


def _bad_token(error: UnexpectedToken) -> str:
    found = "the text ends here" if error.token.type == "$END" else f"unexpected {_shorten(str(error.token))}"
    expected = sorted({_WORDS.get(name, name.lstrip("_")) for name in error.accepts or error.expected} - {"QUOTED_NAME"})
    return f"{found}; expected {' or '.join(expected)}"


def _bad_character(character: str) -> str:
    if character == "'":
        return "the text that starts here has no closing quote"
    return f"unexpected character {character!r}; a row text has fields, literals, signs and words only"


def _shorten(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "...")
