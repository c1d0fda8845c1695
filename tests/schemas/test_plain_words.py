from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import fastavro
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gongyu_schemas.plain_words import mistakes_in, not_avro, not_json, not_yaml, why


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    count: Annotated[int, Field(ge=1, le=9)]
    inner: dict[str, int]
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    share: Annotated[float, Field(gt=0)]


@pytest.mark.parametrize(
    ("content", "mistakes"),
    [
        (
            {"nam": 1, "names": [], "count": "x", "share": 0},
            {
                "name": "is missing; add it",
                "inner": "is missing; add it",
                "nam": "is not known here; correct the name or remove it",
                "names": "is empty; name at least one",
                "count": "must be a whole number, without quotes",
                "share": "must be more than 0.0",
            },
        ),
        (
            {"name": 1, "names": "a", "count": 10, "inner": {"a": "b"}, "share": "half"},
            {
                "name": "must be a text: put it in quotes",
                "names": "must be a list: write [a, b] or `- a` lines",
                "count": "must be at most 9",
                "inner.a": "must be a whole number, without quotes",
                "share": "must be a number",
            },
        ),
    ],
)
def test_mistakes_name_the_entry_and_what_to_do(content: dict[str, object], mistakes: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Model.model_validate(content)
    assert dict(mistakes_in(refused.value)) == mistakes


def test_the_systems_refusals_are_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = {}
    for name in ("absent", ".", "file/below", "n" * 300):
        with pytest.raises(OSError) as refused:  # noqa: PT011 - whichever it is
            (tmp_path / name).read_text(encoding="utf-8")
        found[name[:10]] = why(refused.value)
    assert found == {
        "absent": "there is no such file or folder",
        ".": "it is a folder; name a file",
        "file/below": "a part of this path is a file, not a folder",
        "n" * 10: "the name is too long",
    }


def test_what_has_no_words_here_keeps_its_own() -> None:
    assert why(OSError("the cable is out")) == "the cable is out"


def test_where_yaml_and_json_end_is_told() -> None:
    with pytest.raises(yaml.YAMLError) as bad_yaml:
        yaml.safe_load("name: a\nowner: b: c")
    assert not_yaml(bad_yaml.value).startswith("line 2, column 9: is not YAML (mapping values are not allowed here);")
    with pytest.raises(json.JSONDecodeError) as bad_json:
        json.loads('{"a": 1,\n"b" 2}')
    assert not_json(bad_json.value).startswith("line 2, column 5: is not JSON (Expecting ':' delimiter);")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"name": "x", "type": "strng"}, "'strng' is no Avro type, and the schema defines none of this name"),
        ({"name": "x", "type": {"type": "enum", "name": "E"}}, "an entry 'symbols' is missing in a part of it"),
        ({"name": "x", "type": 5}, "a part of it is no type"),
        ({"name": "x"}, "Record field 'x' is missing 'type'"),
    ],
)
def test_what_is_no_avro_schema_is_told(field: object, words: str) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 - fastavro raises six kinds
        fastavro.parse_schema({"type": "record", "name": "R", "fields": [field]})
    assert not_avro(refused.value).startswith(words)
