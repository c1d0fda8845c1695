"""JSON of an array, a map, a nested record or a union -> the Avro value, or `BadValue`.

A record is an object with a name for each field; an absent one takes its Avro default, if it has one. A union of several types
takes the first of its types that the JSON value fits, or the one named: `{"type": value}`. What fits is JSON's own idea of it: a
number never fits a text, nor a text a number or boolean.
A map is written in the order of its keys: an owner's file that only changes that order changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gongyu_producers.values import BadValue
from gongyu_schemas.fields import Field, Kind

JsonReader = Callable[[Any], Any]
MakeReader = Callable[[Field], JsonReader]

#: Kinds that a JSON text says only where the union's type is named.
_NOT_AS_TEXT = frozenset({Kind.BOOLEAN, Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL})


def compound_reader(field: Field, make_reader: MakeReader) -> JsonReader:
    """The function that reads this field's JSON values other than null; `make_reader` gives those of its parts."""
    if field.kind is Kind.UNION:
        return _union_reader(field, make_reader)
    if field.kind is Kind.RECORD:
        return _record_reader(field, make_reader)
    read_part = nullable_reader(field.parts[0], make_reader)
    if field.kind is Kind.ARRAY:
        return lambda value: [_inside(f"item {at}", read_part, item) for at, item in enumerate(_expect(value, list, "an array"), 1)]
    return lambda value: {_key(key): _inside("a value", read_part, each) for key, each in sorted(_expect(value, dict, "an object").items())}


def nullable_reader(field: Field, make_reader: MakeReader) -> JsonReader:
    """As the function of the field, and null where the field may be null."""
    read_value = make_reader(field)

    def read(value: Any) -> Any:
        if value is not None:
            return read_value(value)
        if not field.nullable:
            raise BadValue("null, but never null")
        return None

    return read


def avro_default(field: Field, default: Any) -> Any:
    """A default as the value that fastavro writes: of bytes it is a text whose characters are the bytes, of a union of its first type."""
    if field.kind is Kind.UNION:
        first = field.parts[0]
        return None if first.kind is Kind.NULL else (first.type_name, avro_default(first, default))
    if default is None:
        return None
    if field.kind is Kind.ARRAY:
        return [avro_default(field.parts[0], item) for item in default]
    if field.kind is Kind.MAP:
        return {key: avro_default(field.parts[0], each) for key, each in default.items()}
    if field.kind is Kind.RECORD:
        return {part.name: avro_default(part, default.get(part.name, part.default)) for part in field.parts}
    is_bytes = field.kind in (Kind.DECIMAL, Kind.BYTES, Kind.FIXED) and isinstance(default, str)
    return default.encode("iso-8859-1") if is_bytes else default


def _record_reader(field: Field, make_reader: MakeReader) -> JsonReader:
    readers = {part.name: nullable_reader(part, make_reader) for part in field.parts}
    defaults = {part.name: avro_default(part, part.default) for part in field.parts if part.has_default}

    def read(value: Any) -> Any:
        found = _expect(value, dict, "an object")
        if unknown := [name for name in found if name not in readers]:
            raise BadValue(f"the record has no field {unknown[0][:100]!r}")
        if absent := [name for name in readers if name not in found and name not in defaults]:
            raise BadValue(f"{absent[0]}: absent")
        return {name: _inside(name, reader, found[name]) if name in found else defaults[name] for name, reader in readers.items()}

    return read


def _union_reader(field: Field, make_reader: MakeReader) -> JsonReader:
    branches = [(part, nullable_reader(part, make_reader)) for part in field.parts if part.kind is not Kind.NULL]
    named = {name: (part, reader) for part, reader in branches for name in (part.name, part.type_name)}
    listed = ", ".join(part.name for part, _ in branches)

    def read(value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and (name := next(iter(value))) in named:
            part, reader = named[name]
            return part.type_name, _inside(name, reader, value[name])
        for part, reader in branches:
            if isinstance(value, str) and part.kind in _NOT_AS_TEXT:
                continue
            try:
                return part.type_name, reader(value)
            except BadValue:
                continue
        raise BadValue(f'fits none of the types {listed}; {{"type": value}} names one and says what is wrong')

    return read


def _inside(place: str, reader: JsonReader, value: Any) -> Any:
    try:
        return reader(value)
    except BadValue as error:
        raise BadValue(f"{place}: {error}") from error


def _expect(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise BadValue(f"not {what}")
    return value


def _key(key: str) -> str:
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise BadValue("a name is not Unicode text: half of a surrogate pair") from error
    return key
