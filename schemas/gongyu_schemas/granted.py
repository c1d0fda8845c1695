"""Names of fields in a grant, and the fields that they mean.

A grant names leaves (`address.city`), or nested records (`address`: every leaf of it that there is now). A view holds the
named leaves in the order of the record, and with each the nullable records around it: whether those are there is part
of what the view shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gongyu_schemas.kinds import Field


def record_names(fields: Iterable[Field]) -> tuple[str, ...]:
    """The dotted names of all nested records, nullable or not, outer ones first."""
    names: dict[str, None] = {}
    for field in fields:
        parts = field.name.split(".")
        depth = len(parts) if field.is_leaf else len(parts) + 1
        names.update(dict.fromkeys(".".join(parts[:length]) for length in range(1, depth)))
    return tuple(names)


def covers(name: str, leaf: str) -> bool:
    """Whether a name in a grant means this leaf: it is the leaf's own, or that of a record around it."""
    return leaf == name or leaf.startswith(f"{name}.")


def leaves_of(names: Collection[str], fields: Iterable[Field]) -> tuple[str, ...]:
    """The leaves that the names mean, in the order of the record."""
    return tuple(field.name for field in fields if field.is_leaf and any(covers(name, field.name) for name in names))


def shown_fields(leaves: Collection[str], fields: Sequence[Field]) -> tuple[int, ...]:
    """The places of what a view of these leaves holds: the leaves and the nullable records around them, in order."""
    around = {field.name: field.within for field in fields}
    shown: set[str] = set()
    for leaf in leaves:
        name = leaf
        while name and name not in shown:
            shown.add(name)
            name = around[name]
    return tuple(index for index, field in enumerate(fields) if field.name in shown)
