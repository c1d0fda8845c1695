"""What a field of a record is: its kind, whether it may be null, and the parameters of its kind.

A record is a list of `Field`s in the order of its bytes. Nested records are taken apart: each of their fields stands there
by itself, under a dotted name (`address.city`). Where a nested record may be null, a field of kind `RECORD` stands before
its fields: the one byte that says whether it is there. All other kinds are *leaves*; arrays, maps and general unions
are one leaf each, with `parts` that say what is in them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

Schema = Any  # parsed JSON of an Avro schema: a name, a list (union) or an object


class Kind(enum.Enum):
    """What a field holds, as far as comparing and encoding it differ."""

    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    ENUM = "enum"
    DATE = "date"
    TIME_MILLIS = "time-millis"
    TIME_MICROS = "time-micros"
    TIMESTAMP_MILLIS = "timestamp-millis"
    TIMESTAMP_MICROS = "timestamp-micros"
    LOCAL_TIMESTAMP_MILLIS = "local-timestamp-millis"
    LOCAL_TIMESTAMP_MICROS = "local-timestamp-micros"
    DECIMAL = "decimal"
    UUID = "uuid"
    BYTES = "bytes"
    FIXED = "fixed"
    RECORD = "record"
    ARRAY = "array"
    MAP = "map"
    UNION = "union"
    NULL = "null"  # only inside unions and maps


#: Kinds that hold several values, or none.
COMPOUND = frozenset({Kind.RECORD, Kind.ARRAY, Kind.MAP, Kind.UNION, Kind.NULL})
#: Kinds that row texts can compare; of the others they ask only whether there is a value.
COMPARABLE = frozenset(Kind) - COMPOUND - {Kind.BYTES, Kind.FIXED}
#: Kinds whose equal values always have equal bytes in canonical encoding, and that people can write and order.
KEY_KINDS = COMPARABLE - {Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `null_branch` is the union index of null, -1 where the field itself is never null.

    `within` is the dotted name of the innermost nullable record around it: where that is absent, the field is too. `size`:
    bytes of a fixed, and of a decimal that is one. `parts`, whose names are simple: of an array its `items`, of a map its
    `values`, of a union its branches (named as their types), of a record its fields. `type_name` is what a union calls its type: the
    full name of a record, enum or fixed, for any other that of its Avro type.
    """

    name: str
    kind: Kind
    null_branch: int = -1
    symbols: tuple[str, ...] = ()
    precision: int = 0
    scale: int = 0
    has_default: bool = False
    default: Any = None
    doc: str = ""
    size: int = 0
    within: str = ""
    parts: tuple[Field, ...] = ()
    type_name: str = field(default="", compare=False)

    @property
    def nullable(self) -> bool:
        """Whether its own type has null."""
        return self.null_branch >= 0

    @property
    def may_be_absent(self) -> bool:
        """Whether a record may hold no value of it: its own null, or that of a record around it."""
        return self.null_branch >= 0 or self.within != ""

    @property
    def is_leaf(self) -> bool:
        return self.kind is not Kind.RECORD
