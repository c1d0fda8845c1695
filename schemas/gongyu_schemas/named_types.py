"""An Avro schema without references: every name is replaced by what it names.

Enters the parsed JSON of a schema; leaves the same schema with full names and with definitions in place of names
(shared, not copied). A type may be named as often as one likes, but not inside itself: a recursive type has no layout.
It is refused, and so is a schema that is nested too deep: UnsupportedSchema with the place (a dotted path).
Source: Apache Avro 1.12, "Names", "Complex types".
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 64

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_NAMED = frozenset({"record", "error", "enum", "fixed"})


class UnsupportedSchema(ValueError):
    """A schema that the hub cannot lay out: `place` is a dotted path, `why` says what is wrong with it."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


def inline_names(schema: Any) -> Any:
    """The schema with every name replaced by its definition. Raises UnsupportedSchema."""
    return Names().inline(schema, "", "schema", 0)


class Names:
    """The types defined so far; a schema may be taken part by part, in its order."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any] | None] = {}

    def open(self, record: dict[str, Any]) -> str:
        """Begins a record whose fields are taken one by one: none of them may name it. The namespace of its fields."""
        full = _full_name(str(record.get("name", "")), record.get("namespace"))
        self._known[full] = None
        return full.rpartition(".")[0]

    def inline(self, schema: Any, namespace: str, place: str, depth: int) -> Any:
        """Raises UnsupportedSchema."""
        if depth > MAX_DEPTH:
            raise UnsupportedSchema(place, f"the schema is nested more than {MAX_DEPTH} levels deep")
        if isinstance(schema, str):
            return schema if schema in _PRIMITIVES else self._look_up(schema, namespace, place)
        if isinstance(schema, list):
            return [self.inline(branch, namespace, place, depth + 1) for branch in schema]
        if not isinstance(schema, dict) or "type" not in schema:
            raise UnsupportedSchema(place, "a schema is a name, a list or an object with a type")
        base = schema["type"]
        if not isinstance(base, str):
            return self.inline(base, namespace, place, depth + 1)
        if base in _PRIMITIVES:
            return "null" if base == "null" else schema
        if base in _NAMED:
            return self._define(schema, base, namespace, place, depth)
        if base in ("array", "map"):
            part = "items" if base == "array" else "values"
            if part not in schema:
                raise UnsupportedSchema(place, f"the {base} has no {part}")
            return {**schema, part: self.inline(schema[part], namespace, f"{place}.{part}", depth + 1)}
        return self._look_up(base, namespace, place)

    def _define(self, schema: dict[str, Any], base: str, namespace: str, place: str, depth: int) -> dict[str, Any]:
        name = schema.get("name")
        if not isinstance(name, str) or not name:
            raise UnsupportedSchema(place, f"the {base} has no name")
        full = _full_name(name, schema.get("namespace", namespace))
        if full in self._known:
            raise UnsupportedSchema(place, f"{full!r} is defined twice")
        self._known[full] = None
        defined = {**schema, "type": "record" if base == "error" else base, "name": full}
        if base in ("record", "error"):
            declared = schema.get("fields")
            if not isinstance(declared, list):
                raise UnsupportedSchema(place, "the record has no list of fields")
            inner = full.rpartition(".")[0]
            defined["fields"] = [self._inline_field(field, inner, place, depth) for field in declared]
        self._known[full] = defined
        return defined

    def _inline_field(self, field: Any, namespace: str, place: str, depth: int) -> dict[str, Any]:
        if not isinstance(field, dict) or not isinstance(field.get("name"), str) or "type" not in field:
            raise UnsupportedSchema(place, "every field needs a name and a type")
        where = field["name"] if place == "schema" else f"{place}.{field['name']}"
        return {**field, "type": self.inline(field["type"], namespace, where, depth + 1)}

    def _look_up(self, name: str, namespace: str, place: str) -> dict[str, Any]:
        full = _full_name(name, namespace)
        full = full if full in self._known else name
        if full not in self._known:
            raise UnsupportedSchema(place, f"the type {name!r} is not known here")
        definition = self._known[full]
        if definition is None:
            raise UnsupportedSchema(place, f"the type {name!r} contains itself: a recursive type has no layout")
        return definition


def _full_name(name: str, namespace: Any) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
