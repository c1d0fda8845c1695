"""Values of leaves -> the nested values that Avro writes.

Rows are read leaf by leaf, under dotted names: each problem has its place, and a delimited file needs no nesting. A nested record
is put together from its leaves, or was given whole (JSON). Put together, one that may be null is null where all its leaves are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from gongyu_schemas.fields import Field, Kind, flatten

Values = dict[str, Any]


def nester(tree: Sequence[Field]) -> Callable[[Values], Values]:
    """The function that puts values of leaves together; `tree` as `read_tree` gives it."""
    if all(field.kind is not Kind.RECORD for field in tree):
        return lambda values: values
    makers = [(field.name, _maker(field, field.name)) for field in tree]
    return lambda values: {name: make(values) for name, make in makers}


def missing_inside(fields: Sequence[Field], values: Values, bad: Collection[str]) -> Iterator[str]:
    """Leaves that are null but never may, in nullable records of which another leaf is there. `bad`: leaves that could not be read."""
    for record in fields:
        if record.is_leaf or record.name in values:
            continue
        inner = [field for field in fields if field.is_leaf and field.name.startswith(f"{record.name}.")]
        if any(values.get(field.name) is not None or field.name in bad for field in inner):
            own = (field for field in inner if field.within == record.name and not field.nullable)
            yield from (field.name for field in own if field.name in values and values[field.name] is None)


def _maker(field: Field, path: str) -> Callable[[Values], Any]:
    if field.kind is not Kind.RECORD:
        return lambda values: values[path]
    makers = [(part.name, _maker(part, f"{path}.{part.name}")) for part in field.parts]
    leaves = [f"{path}.{each.name}" for each in flatten(field.parts) if each.is_leaf]

    def make(values: Values) -> Any:
        if path in values:
            return values[path]
        if field.nullable and all(values.get(leaf) is None for leaf in leaves):
            return None
        return {name: make_part(values) for name, make_part in makers}

    return make
