"""Treatments in a policy file: every mistake at its place, and what is registered for one that is right."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gongyu_hub.registry.policy_check import PolicyMistakes, read_policy
from gongyu_schemas.information_type import InformationType
from tests.hub.registry.policies import grant, make_type, write_policy

TODAY = date(2026, 3, 1)

BAD = """\
subscribers:
  vet: {title: {ko: 동물병원, en: Vet}}
grants:
  - subscriber: vet
    grant: one
    information_type: dog
    fields: [dog_id, name, born, weight]
    treatments:
      dog_id: {mask: all}
      name: {generalise: {to: month}}
      born: {mask: {keep_last: 4}}
      weight: {pseudonymise: {key_version: 1}}
      town: {null: true}
      toun: {null: true}
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
  - subscriber: vet
    grant: two
    information_type: dog
    fields: [dog_id, name, born, weight, town]
    treatments:
      dog_id: {pseudonymise: {key_version: one}}
      name: {mask: {keep_frist: 1}}
      born: {generalise: {to: week, range: 2}}
      weight: {null: true, mask: all}
      town: {generalise: {}}
      nome: {}
      more: [1]
      less: {blur: 1}
      null: {constant: }
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
  - subscriber: vet
    grant: three
    information_type: dog
    fields: [dog_id, name, born, weight]
    treatments:
      born: {constant: 20260101}
      weight: {constant: 1.5}
      name: {null: false}
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
  - subscriber: vet
    grant: four
    information_type: dog
    fields: [dog_id, name, born, weight]
    treatments:
      born: {constant: 2026-02-30}
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
  - subscriber: vet
    grant: five
    information_type: dog
    fields: [dog_id, name, born, weight]
    treatments: mask
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
  - subscriber: vet
    grant: six
    information_type: dog
    fields: [dog_id, born, weight]
    treatments:
      born: {constant: 20260101}
      weight: {constant: 1.5}
    purpose: {code: care, text: Care}
    legal_basis: {statute: Dog Act, article: '7', valid_from: 2020-01-01}
"""


GOLDEN = [
    "9:22: grants[0].treatments.dog_id.mask: 'dog_id' is a key field: it tells records apart; show it, or pseudonymise it",
    "10:26: grants[0].treatments.name.generalise: 'name' is string: it has no month; dates have `to`, numbers `range`, strings `prefix`",
    "11:20: grants[0].treatments.born.mask: 'born' is date: only a string is masked; use null, constant, generalise or pseudonymise",
    "12:30: grants[0].treatments.weight.pseudonymise: 'weight' is decimal, which no pseudonym hides; use null or constant",
    "13:7: grants[0].treatments.town: field 'town' is not granted: nothing of it is shown; grant the field, or remove its treatment",
    "14:7: grants[0].treatments.toun: 'toun' is not a field of 'dog'; did you mean 'town'?",
    "22:44: grants[1].treatments.dog_id.pseudonymise.key_version: must be a whole number; write it without quotes",
    "23:21: grants[1].treatments.name.mask.keep_frist: unknown key; did you mean 'keep_first'?",
    "24:31: grants[1].treatments.born.generalise.to: must be 'month' or 'year'; write it so",
    "25:15: grants[1].treatments.weight: must be one of mask, null, constant, generalise, pseudonymise; write one, as {mask: all}",
    "26:26: grants[1].treatments.town.generalise: must be one of to, range, prefix; write one, as {to: month}",
    "27:13: grants[1].treatments.nome: must be one of mask, null, constant, generalise, pseudonymise; write one, as {mask: all}",
    "28:13: grants[1].treatments.more: must be a mapping; write `name: value` lines below it",
    "29:14: grants[1].treatments.less.blur: unknown key; known are constant, generalise, mask, null, pseudonymise",
    "30:23: grants[1].treatments.null.constant: is not a text, number, boolean or day; write one; `null: true` empties a field",
    "38:24: grants[2].treatments.born.constant: 'born' is date: a text, in quotes; write a value of 'born'",
    "39:26: grants[2].treatments.weight.constant: 'weight' is decimal: a number in quotes, as '12.50'; write a value of 'weight'",
    "40:20: grants[2].treatments.name.null: must be true; write it so",
    "48:24: grants[3].treatments.born.constant: 2026-02-30 is not a day of the calendar; write it like 2026-01-31",
    "55:17: grants[4].treatments: must be a mapping; write `field: {mask: all}` lines below it",
    "63:24: grants[5].treatments.born.constant: 'born' is date: a text, in quotes; write a value of 'born'",
    "64:26: grants[5].treatments.weight.constant: 'weight' is decimal: a number in quotes, as '12.50'; write a value of 'weight'",
]


@pytest.fixture
def types(tmp_path: Path) -> dict[str, InformationType]:
    return {"dog": make_type(tmp_path / "types")}


def test_every_mistake_has_its_place_and_says_what_to_do(tmp_path: Path, types: dict[str, InformationType]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(BAD, encoding="utf-8")
    with pytest.raises(PolicyMistakes) as raised:
        read_policy(file, types, TODAY)
    found = [line.replace(f"{file}:", "", 1) for line in str(raised.value).splitlines()]
    assert found == GOLDEN


def test_treatments_are_read_in_the_order_of_the_record(tmp_path: Path, types: dict[str, InformationType]) -> None:
    treatments = {
        "town": {"generalise": {"prefix": 2}},
        "dog_id": {"pseudonymise": {"key_version": 2}},
        "born": {"constant": date(2026, 1, 1)},
    }
    file = write_policy(tmp_path / "policy.yaml", grant("vet", "all", fields=["dog_id", "born", "town"], treatments=treatments))
    [only] = read_policy(file, types, TODAY).grants_of("dog")
    assert [(name, each.content()) for name, each in only.treatments.items()] == [
        ("dog_id", {"pseudonymise": {"key_version": 2}}),
        ("born", {"constant": "2026-01-01"}),
        ("town", {"generalise": {"prefix": 2}}),
    ]


def test_a_record_may_not_grow_beyond_what_a_message_holds(tmp_path: Path) -> None:
    fields = [{"name": f"f{index}", "type": "string"} for index in range(120)]
    types = {"dog": make_type(tmp_path / "types", fields=fields)}
    for count, fits in ((49, True), (50, False)):
        treatments = {f"f{index}": {"constant": "x" * 200} for index in range(1, count + 1)}
        treatments["f0"] = {"pseudonymise": {"key_version": 1}}
        one = grant("vet", "all", fields=[each["name"] for each in fields], treatments=treatments)
        file = write_policy(tmp_path / "policy.yaml", one)
        if fits:
            assert len(read_policy(file, types, TODAY).grants) == 1
        else:
            with pytest.raises(PolicyMistakes, match="bytes longer than its own; 10000 are allowed"):
                read_policy(file, types, TODAY)
