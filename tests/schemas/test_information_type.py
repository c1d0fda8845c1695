from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import COMPOUND, KEY_KINDS, Kind, Schema
from gongyu_schemas.information_type import VERSION_KINDS, find_type, load_type, load_types, shipped_types
from tests.schemas.models import PLAIN_TYPES, RECORD, TYPE, decimal_of, enum_of, fixed_of, record_of, write_type


def mistakes_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_type(folder)
    return str(refused.value).splitlines()


def with_field(schema: Schema) -> Schema:
    return record_of(*RECORD["fields"][:3], {"name": "seen", "type": schema})


def test_the_shipped_types_load_and_say_all_a_type_can_say() -> None:
    types = load_types(shipped_types())
    assert {"resident", "business", "local-tax", "land-building", "vehicle", "health-insurance"} == types.keys()
    for name, shipped in types.items():
        assert shipped.name == name
        assert {field.name for field in shipped.fields} == set(shipped.classification)
        assert set(shipped.publishing.columns.values()) == set(shipped.classification)
        assert list(shipped.titles) == [field.name for field in shipped.fields]
        for title in (shipped.title, *shipped.titles.values()):
            assert any("가" <= letter <= "힣" for letter in title.ko)
            assert title.en.isascii()
            assert title.en


def test_the_shipped_types_lie_in_a_folder_of_their_owner_and_name() -> None:
    for file in shipped_types().rglob("type.yaml"):
        loaded = load_type(file.parent)
        assert file.parent.relative_to(shipped_types()).parts == (loaded.owner, loaded.name)


def test_a_type_unknown_to_the_project_loads_from_any_folder(tmp_path: Path) -> None:
    write_type(tmp_path / "deep" / "below" / "it")
    types = load_types(shipped_types(), tmp_path)
    parcel = types["land-parcel"]
    assert (parcel.owner, parcel.key, parcel.record_schema) == ("city-7", ("parcel_id",), RECORD)
    assert [field.kind for field in parcel.fields] == [Kind.STRING, Kind.DOUBLE, Kind.STRING, Kind.LONG]
    assert parcel.field("holder").nullable


def test_what_is_not_given_has_its_documented_default(tmp_path: Path) -> None:
    parcel = load_type(write_type(tmp_path))
    assert (parcel.subject, parcel.version, parcel.partitions) == (("parcel_id",), None, 4)
    assert (parcel.publishing.columns, parcel.publishing.null_texts) == ({}, ("",))
    assert parcel.titles == {}


def test_every_option_is_kept(tmp_path: Path) -> None:
    publishing = {"columns": {"필지": "parcel_id"}, "null_texts": ["", "-"]}
    titles = {"area": {"ko": "면적", "en": "Area"}}
    folder = write_type(
        tmp_path, key=["parcel_id", "seen"], subject=["seen"], version="seen", partitions=7, publishing=publishing, titles=titles
    )
    parcel = load_type(folder)
    assert (parcel.key, parcel.subject, parcel.version, parcel.partitions) == (("parcel_id", "seen"), ("seen",), "seen", 7)
    assert (parcel.publishing.columns, parcel.publishing.null_texts) == ({"필지": "parcel_id"}, ("", "-"))
    assert parcel.titles["area"].en == "Area"


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": "Land Parcel"}, "name: "),
    "owner": ({"owner": "city.7"}, "owner: "),
    "title": ({"title": {"ko": "필지"}}, "title.en: "),
    "no key": ({"key": []}, "key: "),
    "key not a list": ({"key": "parcel_id"}, "key: "),
    "key unknown": ({"key": ["parcel"]}, "key: 'parcel' is not a field of the record"),
    "key nullable": ({"key": ["holder"]}, "key: 'holder' does not fit: a key field is never null"),
    "key double": ({"key": ["area"]}, "key: 'area' does not fit"),
    "key twice": ({"key": ["parcel_id", "parcel_id"]}, "key: a field is named twice"),
    "subject unknown": ({"subject": ["person"]}, "subject: 'person' is not a field"),
    "subject nullable": ({"subject": ["holder"]}, "subject: 'holder' does not fit"),
    "version unknown": ({"version": "updated"}, "version: 'updated' is not a field"),
    "version of a wrong kind": ({"version": "area"}, "version: 'area' does not fit: an int, long, date or timestamp, never null"),
    "no partitions": ({"partitions": 0}, "partitions: "),
    "too many partitions": ({"partitions": 1001}, "partitions: "),
    "class unknown": ({"classification": {**TYPE["classification"], "area": "secret"}}, "classification.area: "),
    "class of no field": ({"classification": {**TYPE["classification"], "depth": "public"}}, "classification: 'depth' is not a field"),
    "no class": (
        {"classification": {"parcel_id": "public", "area": "public", "seen": "public"}},
        "classification: field 'holder' has none",
    ),
    "title of no field": ({"titles": {"depth": {"ko": "깊이", "en": "Depth"}}}, "titles: 'depth' is not a field of the record"),
    "title in one language": ({"titles": {"area": {"ko": "면적"}}}, "titles.area.en: "),
    "column of no field": ({"publishing": {"columns": {"필지": "lot"}}}, "publishing.columns: header '필지' maps to 'lot'"),
    "publishing option": ({"publishing": {"delimiter": ";"}}, "publishing.delimiter: "),
    "unknown option": ({"retention": 5}, "retention: "),
}


@pytest.mark.parametrize(("changes", "line"), MISTAKES.values(), ids=MISTAKES)
def test_each_mistake_in_the_type_file_is_reported_once_with_file_and_place(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    (reported,) = mistakes_of(write_type(tmp_path, **changes))
    assert reported.startswith(f"{tmp_path / 'type.yaml'}: {line}")


@pytest.mark.parametrize("missing", sorted(TYPE))
def test_what_a_type_must_say_is_asked_for(missing: str, tmp_path: Path) -> None:
    (reported,) = mistakes_of(write_type(tmp_path, without=(missing,)))
    assert reported == f"{tmp_path / 'type.yaml'}: {missing}: is missing; add it"


def test_all_mistakes_of_all_types_and_both_files_are_reported_at_once(tmp_path: Path) -> None:
    write_type(tmp_path / "a", key=["no_such"], version="neither")
    write_type(tmp_path / "b", owner="B", name="b b", record=with_field({"type": "array", "items": "null"}))
    write_type(tmp_path / "c", name="c", record=record_of({"name": "x", "type": "null"}, {"name": "y", "type": ["null", "Thing"]}))
    with pytest.raises(ConfigError) as refused:
        load_types(shipped_types(), tmp_path, tmp_path / "absent")
    places = [line.removeprefix(f"{tmp_path}/").split(": ")[:2] for line in str(refused.value).splitlines()]
    assert places == [
        ["a/type.yaml", "key"],
        ["a/type.yaml", "version"],
        ["b/type.yaml", "name"],
        ["b/type.yaml", "owner"],
        ["b/record.avsc", "seen"],
        ["c/record.avsc", "x"],
        ["c/record.avsc", "y"],
        ["absent", "no such folder of information types"],
    ]


def test_a_type_is_found_beside_broken_ones_and_a_broken_one_is_called_that(tmp_path: Path) -> None:
    folders = [shipped_types(), tmp_path]
    write_type(tmp_path / "sound")
    write_type(tmp_path / "a", name="a", key=["no_such"])
    write_type(tmp_path / "b", name="b")
    (tmp_path / "b" / "type.yaml").write_text("name: [", encoding="utf-8")
    assert find_type("land-parcel", folders, "?").owner == "city-7"
    assert find_type("resident", folders, "?").owner == "mois"
    for name, mistake in (("a", "'no_such' is not a field of the record"), ("b", "type.yaml: ")):
        with pytest.raises(ConfigError, match=f"^--type '{name}' is a broken type; mend its folder:\n") as refused:
            find_type(name, folders, "?")
        found = str(refused.value).splitlines()[1]
        assert found.startswith(str(tmp_path / name)) and mistake in found
    with pytest.raises(ConfigError, match=r"--type 'c' is not known; known are business, .* \(broken: a, b\); look elsewhere$"):
        find_type("c", folders, "look elsewhere")
    with pytest.raises(ConfigError, match="absent: no such folder of information types"):
        find_type("resident", [*folders, tmp_path / "absent"], "?")


@pytest.mark.parametrize("broken", [False, True])
def test_a_name_that_two_types_have_is_neithers(tmp_path: Path, *, broken: bool) -> None:
    write_type(tmp_path / "one")
    write_type(tmp_path / "two", owner="city-8", key=["no_such" if broken else "parcel_id"])
    with pytest.raises(ConfigError, match="--type 'land-parcel' is a broken type") as refused:
        find_type("land-parcel", [tmp_path], "?")
    assert str(tmp_path / "two") in str(refused.value)


def test_mistakes_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    fields = [{"name": name, "type": "int"} for name in reversed(string.ascii_lowercase)]
    reported = mistakes_of(write_type(tmp_path, record=record_of(*fields), key=["a"], classification={}))
    assert [line.split("'")[1] for line in reported] == [*reversed(string.ascii_lowercase)]


def test_two_types_of_one_name_are_refused_naming_both_places(tmp_path: Path) -> None:
    write_type(tmp_path / "one")
    write_type(tmp_path / "two", owner="city-8")
    with pytest.raises(ConfigError, match="land-parcel") as refused:
        load_types(tmp_path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{tmp_path / 'two' / 'type.yaml'}: name: 'land-parcel' is also the type in {tmp_path / 'one'};")


def test_a_folder_given_twice_is_no_duplicate(tmp_path: Path) -> None:
    write_type(tmp_path / "one")
    assert load_types(tmp_path, tmp_path / "one", tmp_path).keys() == {"land-parcel"}


@pytest.mark.parametrize("text", ["", "- a", "5", "name: [", "a: b: c", "\t"])
def test_a_type_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    write_type(tmp_path)
    (tmp_path / "type.yaml").write_text(text, encoding="utf-8")
    assert mistakes_of(tmp_path)[0].startswith(f"{tmp_path / 'type.yaml'}: ")


@pytest.mark.parametrize(
    "text", ["", "{", '"string"', "5", "null", "[]", "{}", '{"type": "record"}', '{"type": "record", "name": "R", "fields": null}']
)
def test_a_record_file_that_is_no_record_is_refused(text: str, tmp_path: Path) -> None:
    write_type(tmp_path)
    (tmp_path / "record.avsc").write_text(text, encoding="utf-8")
    assert mistakes_of(tmp_path)[0].startswith(f"{tmp_path / 'record.avsc'}: ")


@pytest.mark.parametrize("name", ["type.yaml", "record.avsc"])
def test_a_file_that_is_missing_or_not_utf_8_is_refused(name: str, tmp_path: Path) -> None:
    write_type(tmp_path)
    (tmp_path / name).write_bytes("이름".encode("euc-kr"))
    assert mistakes_of(tmp_path)[0] == f"{tmp_path / name}: is not text in UTF-8; save it as UTF-8"
    (tmp_path / name).unlink()
    assert mistakes_of(tmp_path)[0] == f"{tmp_path / name}: cannot be read: there is no such file or folder"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (record_of(*RECORD["fields"], name="Land-Parcel"), "name: 'Land-Parcel' is not an Avro name"),
        (record_of(*RECORD["fields"], namespace="city-7.land"), "namespace: 'city-7.land' is not an Avro name"),
        (with_field(["null", enum_of("A", name="the colour")]), "name: 'the colour' is not an Avro name"),
        (with_field({"type": "long", "name": "x", "default": []}), None),
        (record_of(*RECORD["fields"][:3], {"name": "seen", "type": "long", "default": "x"}), "not an Avro schema: Default value"),
        (with_field(enum_of("two words")), "not an Avro schema: Every symbol must match"),
    ],
)
def test_a_schema_that_a_subscribers_library_would_refuse_is_refused(record: Schema, line: str | None, tmp_path: Path) -> None:
    folder = write_type(tmp_path, record=record)
    if line is None:
        load_type(folder)
    else:
        assert mistakes_of(folder)[0].startswith(f"{folder / 'record.avsc'}: {line}")


@pytest.mark.parametrize("kind", sorted(set(Kind) - COMPOUND, key=lambda kind: kind.value))
@pytest.mark.parametrize("nullable", [False, True])
def test_a_field_may_be_key_or_version_exactly_if_its_kind_orders_and_identifies(kind: Kind, nullable: bool, tmp_path: Path) -> None:
    schema = {**PLAIN_TYPES, Kind.ENUM: enum_of("A"), Kind.DECIMAL: decimal_of(4), Kind.FIXED: fixed_of(4)}[kind]
    record = with_field(["null", schema] if nullable else schema)
    options: tuple[tuple[str, Any, frozenset[Kind]], ...] = (
        ("key", ["seen"], KEY_KINDS),
        ("subject", ["seen"], KEY_KINDS),
        ("version", "seen", VERSION_KINDS),
    )
    for option, value, kinds in options:
        changes: dict[str, Any] = {option: value}
        folder = write_type(tmp_path / option, record, **changes)
        if kind in kinds and not nullable:
            load_type(folder)
        else:
            assert mistakes_of(folder)[0].startswith(f"{folder / 'type.yaml'}: {option}: 'seen' does not fit")


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.sampled_from(["record", "string", "enum", "int", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "namespace", "fields", "symbols", "default", "aliases", "items"]), inner, max_size=5
        )
    ),
    max_leaves=15,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=_json | st.builds(lambda fields: record_of(*fields), st.lists(_json, max_size=3)))
def test_any_json_as_a_record_is_taken_or_refused_never_a_crash(content: Any, tmp_path: Path) -> None:
    write_type(tmp_path)
    (tmp_path / "record.avsc").write_text(json.dumps(content), encoding="utf-8")
    assert any(line.startswith(str(tmp_path)) for line in mistakes_of(tmp_path))


@pytest.mark.parametrize("value", ["2026-13-45", "!!bool x", "!!int ''", "!!timestamp x", "9" * 5000, "[" * 5000, "{a: " * 5000])
def test_a_value_that_yaml_cannot_make_is_refused_with_the_file(value: str, tmp_path: Path) -> None:
    folder = write_type(tmp_path)
    (folder / "type.yaml").write_text(f"name: a\ntitle:\n  ko: {value}\n", encoding="utf-8")
    assert mistakes_of(folder)[0].startswith(f"{folder / 'type.yaml'}: ")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ' + "9" * 5000 + "}]}",
        *(
            '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ' + '{"type": ' * n + '"int"' + "}" * n + "}]}"
            for n in (300, 900)
        ),
        *(
            '{"type": "record", "name": "R", "fields": [{"name": "a", "type": '
            + '{"type": "array", "items": ' * n
            + '"int"'
            + "}" * n
            + "}]}"
            for n in (100, 300, 900)
        ),
    ],
)
def test_a_record_that_nests_too_deep_is_refused_with_the_file(text: str, tmp_path: Path) -> None:
    folder = write_type(tmp_path)
    (folder / "record.avsc").write_text(text, encoding="utf-8")
    assert mistakes_of(folder)[0].startswith(f"{folder / 'record.avsc'}: ")


ADDRESS = record_of({"name": "city", "type": "string"}, {"name": "door", "type": "int"}, name="Address")
NESTED = record_of(*RECORD["fields"], {"name": "home", "type": ADDRESS}, {"name": "work", "type": ["null", "Address"]})
CLASSES = {**TYPE["classification"], "home": "personal", "work": "sensitive", "work.city": "public"}


def test_a_class_is_given_to_a_nested_record_or_to_a_leaf_and_the_nearest_one_counts(tmp_path: Path) -> None:
    parcel = load_type(write_type(tmp_path, NESTED, classification=CLASSES, version="home.door"))
    classes = {name: each for name, each in parcel.classification.items() if "." in name}
    assert classes == {"home.city": "personal", "home.door": "personal", "work.city": "public", "work.door": "sensitive"}
    assert "work" not in parcel.classification
    assert parcel.version == "home.door"


NESTED_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "leaf without class": ({"classification": TYPE["classification"] | {"home": "public", "work.city": "public"}}, "field 'work.door' has"),
    "class of nothing": ({"classification": {**CLASSES, "home.street": "public"}}, "classification: 'home.street' is not a field"),
    "nested key": ({"key": ["home.city"]}, "key: 'home.city' lies in a nested record; a key is made of the record's own fields"),
    "record as key": ({"key": ["work"]}, "key: 'work' does not fit"),
    "version that may be absent": ({"version": "work.door"}, "version: 'work.door' does not fit"),
    "column of a record": ({"publishing": {"columns": {"주소": "work"}}}, "header '주소' maps to 'work', which is not a field"),
}


@pytest.mark.parametrize(("changes", "line"), NESTED_MISTAKES.values(), ids=NESTED_MISTAKES)
def test_each_mistake_about_nested_fields_is_reported(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    (reported,) = mistakes_of(write_type(tmp_path, NESTED, **{"classification": CLASSES, **changes}))
    assert line in reported


def test_names_of_types_deep_inside_are_checked(tmp_path: Path) -> None:
    inner = {"type": "map", "values": ["null", {"type": "array", "items": record_of({"name": "x", "type": "int"}, name="a-b")}]}
    (reported,) = mistakes_of(write_type(tmp_path, with_field(inner)))
    assert "name: 'a-b' is not an Avro name" in reported
