"""What the system and libraries say of a file, in words that its user knows: what is wrong, and what to do.

Enters an OSError, pydantic's ValidationError, or what a reader of YAML, JSON or Avro raises; leaves a text that fits behind
"FILE: " or "FILE cannot be read: ". What has no words here keeps its own.
"""

from __future__ import annotations

import errno
import json
import socket
from typing import Any

import yaml
from fastavro.schema import UnknownType
from pydantic import ValidationError

_SYSTEM = {
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EEXIST: "a file of this name is in its place",
    errno.EACCES: "this user has no right to it",
    errno.EPERM: "this user has no right to it",
    errno.EROFS: "the disk can only be read",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "this user has no disk space left",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EADDRINUSE: "another program uses it",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    socket.EAI_NONAME: "no host of this name is known",
    socket.EAI_AGAIN: "no host of this name is known now",
}
_NOT_UTF_8 = "is not text in UTF-8; save it as UTF-8"
_MAPPING = "must be a mapping: write `name: value` lines below it"
_LIST = "must be a list: write [a, b] or `- a` lines"
_TEXT = "must be a text: put it in quotes"
_WHOLE = "must be a whole number, without quotes"
#: pydantic's error type -> words; {} are filled from the error's context.
_ENTRY = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here; correct the name or remove it",
    "string_type": _TEXT,
    "string_pattern_mismatch": "is not a name: use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit",
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_short": "is empty; name at least one",
    "literal_error": "must be {expected}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}


def why(error: OSError) -> str:
    """What the system refused; `error` may also be one that is no system's, with words of its own."""
    return _SYSTEM.get(error.errno or 0) or error.strerror or str(error)


def mistakes_in(error: ValidationError) -> list[tuple[str, str]]:
    """(entry, what is wrong with it) of each; the entry is empty where the whole is wrong. No value is told."""
    return [
        (".".join(map(str, each["loc"])), words_of(each["type"], each.get("ctx", {}), each["msg"]))
        for each in error.errors(include_url=False, include_input=False)
    ]


def not_yaml(error: Exception) -> str:
    """Where the text is not YAML: what PyYAML raised, or a value's own reader."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
        what = f" ({error.problem})" if error.problem else ""
        return f"line {mark.line + 1}, column {mark.column + 1}: is not YAML{what}; look at colons, quotes and indentation there"
    if isinstance(error, UnicodeDecodeError):
        return _NOT_UTF_8
    if isinstance(error, RecursionError):
        return "is nested too deep; write it flatter"
    return f"is not YAML ({error}); put values that look like dates or numbers in quotes"


def not_json(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: is not JSON ({error.msg}); look at commas, quotes and brackets there"
    return _NOT_UTF_8 if isinstance(error, UnicodeDecodeError) else "is nested too deep; write it flatter"


def not_avro(error: Exception) -> str:
    """Of what fastavro's parser raised for JSON that is no schema."""
    if isinstance(error, UnknownType):
        return f"{error.name!r} is no Avro type, and the schema defines none of this name"
    if isinstance(error, KeyError):
        return f"an entry {error} is missing in a part of it"
    if isinstance(error, (TypeError, AttributeError)):
        return "a part of it is no type: write a type's name, a list of types, or an object with `type`"
    return str(error)


def words_of(kind: str, context: dict[str, Any], own: str) -> str:
    """pydantic's error of this type, with its context, in our words; where there are none, in its `own`."""
    return _ENTRY[kind].format(**context) if kind in _ENTRY else own
