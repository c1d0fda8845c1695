"""Every mistake of a policy file is reported at once, each at its place with what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gongyu_hub.registry.policy_check import PolicyMistakes, read_policy
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.information_type import InformationType
from tests.hub.registry.policies import grant, make_type, write_policy

TODAY = date(2026, 3, 1)

BAD = """\
subscribers:
  vet: {title: {ko: 동물병원, en: Vet}}
  Bad Name: {title: {ko: 이름, en: Name}}
  shop: {title: {ko: 가게}}
extra: 1
grants:
  - subscriber: vett
    grant: one
    information_type: dog
    fields: [name, nam, name]
    rows: "name = 'x' AND colour = 'red'"
    purpose: {code: care, text: Care, why: x}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01, valid_to: 2025-12-31}
  - subscriber: vet
    grant: two
    information_type: dogs
    fields: [dog_id]
    purpose: {code: care}
  - subscriber: vet
    grant: three
    information_type: dog
    fields: [dog_id]
    rows: |
      name = 'x'
        AND born > 'yesterday'
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: 7, valid_from: 2020-02-31}
  - subscriber: vet
    grant: four
    information_type: dog
    fields: [dog_id]
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
    valid_from: 2026-02-01
    valid_to: 2026-01-01
    fields: [name]
  - subscriber: vet
    grant: four
    information_type: dog
    fields: dog_id
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2026-06-01}
  - subscriber: vet
    grant: four
    information_type: dog
    fields: [dog_id]
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2026-06-01}
"""

GOLDEN = [
    "3:3: subscribers.Bad Name: 'Bad Name' is not a name; use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit",
    "4:17: subscribers.shop.title.en: is missing; add it",
    "5:1: extra: unknown key; known are grants, subscribers",
    "7:17: grants[0].subscriber: subscriber 'vett' is not declared; declare it under `subscribers:` (did you mean 'vet'?)",
    "10:13: grants[0].fields: key field 'dog_id' is not granted: a subscriber could not tell the records apart; add 'dog_id'",
    "10:20: grants[0].fields[1]: 'nam' is not a field of 'dog'; did you mean 'name'?",
    "10:25: grants[0].fields[2]: field 'name' is named twice; remove one",
    "11:27: grants[0].rows: there is no field 'colour'; the fields are dog_id, name, born, weight, town; mend the row text there",
    "12:39: grants[0].purpose.why: unknown key; known are code, text",
    "13:85: grants[0].legal_basis.valid_to: the legal basis lapsed on 2025-12-31; renew it or remove the grant",
    "14:5: grants[1].legal_basis: is missing; add it",
    "16:23: grants[1].information_type: information type 'dogs' is not known; did you mean 'dog'?",
    "18:14: grants[1].purpose.text: is missing; add it",
    "25:20: grants[2].rows: 'born' is date: write it as 'YYYY-MM-DD'; mend the row text there",
    "27:46: grants[2].legal_basis.article: must be a text; put it in quotes",
    "27:61: grants[2].legal_basis.valid_from: 2020-02-31 is not a day of the calendar; write it like 2026-01-31",
    "35:15: grants[3].valid_to: 2026-01-01 is before valid_from 2026-02-01; put the dates in order",
    "35:15: grants[3].valid_to: the grant lapsed on 2026-01-01; renew it or remove the grant",
    "36:5: grants[3].fields: key 'fields' is given twice; keep one of them",
    "38:12: grants[4].grant: 'vet' has a grant 'four' already, in line 29; give it another name",
    "40:13: grants[4].fields: must be a list; write [a, b] or `- a` lines",
    "42:63: grants[4].legal_basis.valid_from: the legal basis is in force only from 2026-06-01; add the grant on that day",
    "44:12: grants[5].grant: 'vet' has a grant 'four' already, in line 29; give it another name",
    "48:63: grants[5].legal_basis.valid_from: the legal basis is in force only from 2026-06-01; add the grant on that day",
]


@pytest.fixture
def types(tmp_path: Path) -> dict[str, InformationType]:
    return {"dog": make_type(tmp_path / "types")}


def mistakes(file: Path, types: dict[str, InformationType], text: str) -> list[str]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyMistakes) as raised:
        read_policy(file, types, TODAY)
    return [line.replace(f"{file}:", "", 1) for line in str(raised.value).splitlines()]


def test_all_mistakes_are_listed_with_their_places(tmp_path: Path, types: dict[str, InformationType]) -> None:
    found = mistakes(tmp_path / "policy.yaml", types, BAD)
    assert found == GOLDEN


def test_a_policy_without_mistakes_is_read(tmp_path: Path, types: dict[str, InformationType]) -> None:
    file = write_policy(
        tmp_path / "policy.yaml", grant("vet", "all", fields=["town", "dog_id"], rows="town LIKE 'Se%'"), subscribers=("idle",)
    )
    policy = read_policy(file, types, TODAY)
    assert list(policy.subscribers) == ["idle", "vet"]
    [only] = policy.grants_of("dog")
    assert only.fields == ("dog_id", "town"), "in the order of the record"
    assert (only.rows, only.legal_basis.valid_from) == ("town LIKE 'Se%'", date(2020, 1, 1))


def test_a_grant_in_force_is_not_judged_by_the_date_again(tmp_path: Path, types: dict[str, InformationType]) -> None:
    lapsed = grant("vet", "old", valid_from="2024-01-01", valid_to="2025-01-01")
    file = write_policy(tmp_path / "policy.yaml", lapsed)
    with pytest.raises(PolicyMistakes, match="the grant lapsed on 2025-01-01"):
        read_policy(file, types, TODAY)
    assert [each.name for each in read_policy(file, types, TODAY, {("vet", "old")}).grants] == ["old"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: policy: must be a mapping; write `subscribers:` and `grants:`"),
        ("[]", "1:1: policy: must be a mapping; write `subscribers:` and `grants:`"),
        ("grants: {}", "1:9: grants: must be a list; write [a, b] or `- a` lines"),
        ("grants: [1]", "1:10: grants[0]: must be a mapping; write `name: value` lines below it"),
        ("a: [\n", "2:1: policy: not YAML: expected the node content, but found '<stream end>'; mend the text there"),
        ("a: &x 1\nb: *x\n", "2:4: policy: alias *x is not supported; write the value out"),
        ("a: " + "[" * 30, "1:23: policy: nested deeper than 20; write it flatter"),
        ("a: \x01", "1:4: policy: a character that YAML does not allow; remove it"),
        ("a: 1\n---\nb: 2\n", "2:1: policy: not YAML: but found another document; mend the text there"),
        ("? [a]\n: 1\n", "1:3: policy: a key must be a plain name; write `name: value`"),
        ("grants: !run [now]", "1:9: grants: tag !run is not supported; write a plain value"),
    ],
)
def test_what_is_no_policy_at_all_is_told_in_one_line(tmp_path: Path, types: dict[str, InformationType], text: str, expected: str) -> None:
    assert mistakes(tmp_path / "policy.yaml", types, text)[:1] == [expected]


def test_a_foreign_file_is_a_clear_error(tmp_path: Path, types: dict[str, InformationType]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(ConfigError, match="is not text in UTF-8"):
        read_policy(file, types, TODAY)
    with pytest.raises(ConfigError, match="there is no such file or folder"):
        read_policy(tmp_path / "absent.yaml", types, TODAY)


ADDRESS = {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}, {"name": "zip", "type": ["null", "string"]}]}
NESTED_FIELDS = [
    {"name": "dog_id", "type": "string"},
    {"name": "home", "type": ADDRESS},
    {"name": "kennel", "type": ["null", "Address"]},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
]


@pytest.fixture
def nested(tmp_path: Path) -> dict[str, InformationType]:
    return {"dog": make_type(tmp_path / "types", fields=NESTED_FIELDS)}


def test_a_nested_record_in_a_grant_means_its_leaves(tmp_path: Path, nested: dict[str, InformationType]) -> None:
    grants = (
        grant("vet", "all", fields=["tags", "kennel", "dog_id"]),
        grant("vet", "one", fields=["dog_id", "home.zip"], rows="home.city = 'x'"),
    )
    policy = read_policy(write_policy(tmp_path / "policy.yaml", *grants), nested, TODAY)
    assert [each.fields for each in policy.grants] == [("dog_id", "kennel.city", "kennel.zip", "tags"), ("dog_id", "home.zip")]


def test_a_leaf_of_a_granted_record_may_be_treated(tmp_path: Path, nested: dict[str, InformationType]) -> None:
    treated = grant("vet", "all", fields=["dog_id", "home"], treatments={"home.city": {"mask": "all"}})
    [only] = read_policy(write_policy(tmp_path / "policy.yaml", treated), nested, TODAY).grants
    assert list(only.treatments) == ["home.city"]


NESTED_MISTAKES = [
    ("fields: [dog_id, home.street]", "5:22: grants[0].fields[1]: 'home.street' is not a field of 'dog'; did you mean 'home.city'?"),
    ("fields: [dog_id, home.cty]", "5:22: grants[0].fields[1]: 'home.cty' is not a field of 'dog'; did you mean 'home.city'?"),
    ("fields: [dog_id, home.city, home]", "5:22: grants[0].fields[1]: field 'home.city' is named twice: it is part of 'home'; remove one"),
    ("fields: [dog_id, home, home]", "5:28: grants[0].fields[2]: field 'home' is named twice; remove one"),
    (
        "fields: [dog_id]\n    rows: \"tags = 'x'\"",
        "6:12: grants[0].rows: 'tags' is array: only IS NULL and IS NOT NULL can be asked of it",
    ),
    (
        "fields: [dog_id]\n    rows: \"dog_id = 'x' AND home IS NULL\"",
        "6:29: grants[0].rows: 'home' is a record that is never null: name one",
    ),
    ('fields: [dog_id]\n    rows: "kennel.zip = 5"', "6:25: grants[0].rows: 'kennel.zip' is string: it is compared with a text"),
    ("fields: [dog_id, home]\n    treatments: {home: {null: true}}", "6:18: grants[0].treatments.home: 'home' is not a field of 'dog'"),
    ("fields: [dog_id]\n    treatments: {home.zip: {null: true}}", "6:18: grants[0].treatments.home.zip: field 'home.zip' is not granted"),
    ("fields: [dog_id, tags]\n    treatments: {tags: {null: true}}", "6:31: grants[0].treatments.tags.null: 'tags' is array, which is not"),
    ('fields: [dog_id]\n    rows: "kennel. zip = 5"', "6:18: grants[0].rows: unexpected character '.'"),
]


@pytest.mark.parametrize(("lines", "expected"), NESTED_MISTAKES)
def test_mistakes_about_nested_fields_have_their_places(
    tmp_path: Path, nested: dict[str, InformationType], lines: str, expected: str
) -> None:
    text = f"""\
subscribers: {{vet: {{title: {{ko: 동물병원, en: Vet}}}}}}
grants:
  - subscriber: vet
    grant: one
    {lines}
    information_type: dog
    purpose: {{code: care, text: Care}}
    legal_basis: {{statute: Dog Act, article: '7', valid_from: 2020-01-01}}
"""
    [found] = mistakes(tmp_path / "policy.yaml", nested, text)
    assert found.startswith(expected)


def test_subjects_are_all_or_a_list_of_the_subscriber(tmp_path: Path) -> None:
    types, file = {"dog": make_type(tmp_path / "types")}, tmp_path / "policy.yaml"
    write_policy(file, grant("vet", "a"), grant("vet", "b", subjects="all"), grant("vet", "c", subjects={"list": "patients"}))
    assert [each.subject_list for each in read_policy(file, types, TODAY).grants] == [None, None, "patients"]
    write_policy(
        file, *(grant("vet", f"g{number}", subjects=wrong) for number, wrong in enumerate(["some", {"list": "Bad Name"}, {"lists": "x"}]))
    )
    with pytest.raises(PolicyMistakes) as mistakes:
        read_policy(file, types, TODAY)
    told = str(mistakes.value)
    assert "grants[0].subjects: must be all or a list; write `all` or `{list: NAME}`" in told
    assert "grants[1].subjects.list: is not a name" in told and "grants[2].subjects.lists: unknown key; did you mean 'list'?" in told
