"""07. The stranger's path

Somebody who has read the README and nothing else brings a file as offices have them: tab-separated, in cp949, with
headers for people. It becomes an information type, a grant, and rows in a bank's table, without a line of code.

On the way the stranger makes every mistake there is to make. Each is answered by what is wrong, where, and what to do
about it; and nothing is published until the file is right.
"""

from __future__ import annotations

import json

import pytest

from tests.guide.walk import Desk

pytestmark = pytest.mark.kafka

BUILDINGS = """
건물 번호\t건물명(호칭)\t사용승인일\t연면적(㎡)\t주용도
1101-1\t하늘빌딩\t1998-05-20\t12,480.50\t업무
1101-2\t누리맨션\t2011-09-02\t980.00\t주거
1101-3\t소라상가\t미상\t2310.25\t상업
1101-4\t대지창고\t2003-12-11\t5400.00\t기타
"""
RECORD = """
{"type": "record", "name": "Building", "fields": [
  {"name": "building_id", "type": "string"},
  {"name": "name", "type": "string"},
  {"name": "approved_on", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
  {"name": "floor_m2", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
  {"name": "purpose", "type": "string"}
]}
"""
TYPE = """
name: building
owner: housing-office
title: {ko: 건축물대장, en: Register of buildings}
key: [building_id]
classification: {building_id: public, name: public, approved_on: public, floor_m2: internal, purpose: public}
publishing:
  columns:
    건물 번호: building_id
    건물명(호칭): name
    사용승인일: approved_on
    연면적(㎡): floor_m2
    주용도: purpose
  null_texts: ["", "미상"]
"""
POLICY = """
subscribers:
  bank-nuri: {title: {ko: 누리은행, en: Nuri Bank}}
grants:
  - subscriber: bank-nuri
    grant: large-buildings
    information_type: building
    fields: [building_id, name, approved_on, floor_m2]
    rows: floor_m2 >= 1000 AND purpose <> '주거'
    purpose: {code: mortgage, text: Valuation of buildings for mortgages}
    legal_basis: {statute: Building Act, article: Article 38, valid_from: 2020-01-01}
"""


PUBLISH = (
    "gongyu-owner publish buildings.tsv --type building --types types --snapshot --state-dir owner "
    "--profile hub/profiles/owner.housing-office.yaml"
)
RECEIVE = "gongyu-subscriber receive large-buildings --exit-at-end --to sqlite:///bank.db"
#: What the stranger writes instead, and what is said about it; all with the line and column where it stands.
POLICY_MISTAKES = (
    (
        "bank-nuri: {",
        "bank-noori: {",
        "4:17: grants[0].subscriber: subscriber 'bank-nuri' is not declared; declare it under `subscribers:`",
    ),
    (
        "type: building",
        "type: bilding",
        "6:23: grants[0].information_type: information type 'bilding' is not known; did you mean 'building'?",
    ),
    (", name, ", ", nam, ", "7:27: grants[0].fields[1]: 'nam' is not a field of 'building'; did you mean 'name'?"),
    ("[building_id, ", "[", "7:13: grants[0].fields: key field 'building_id' is not granted"),
    (
        "purpose <>",
        "use <>",
        "8:32: grants[0].rows: there is no field 'use'; the fields are building_id, name, approved_on, floor_m2, purpose",
    ),
    (">= 1000", ">= 'large'", "8:23: grants[0].rows: 'floor_m2' is decimal: it is compared with a number, not with a text"),
    ("    legal_basis: ", "    # the law: ", "4:5: grants[0].legal_basis: is missing; add it"),
    ("    legal_basis: ", "    legal_bases: ", "10:5: grants[0].legal_bases: unknown key; did you mean 'legal_basis'?"),
    ("2020-01-01", "2020-13-01", "2020-13-01 is not a day of the calendar; write it like 2026-01-31"),
)
TYPE_MISTAKES = (
    ("owner: housing-office", "owner: Housing Office", "owner: is not a name"),
    (
        "key: [building_id]",
        "key: [floor_m2]",
        "key: 'floor_m2' does not fit: a key field is never null and one value, no float, double, decimal, bytes or fixed",
    ),
    (", floor_m2: internal", "", "classification: field 'floor_m2' has none; give public, internal, personal or sensitive"),
    (": floor_m2\n", ": floor\n", "header '연면적(㎡)' maps to 'floor', which is not a field of the record"),
    ("title:", "titel:", "titel: is not known here; correct the name or remove it"),
)


def test_1_a_folder_for_the_type_and_a_policy_each_mistake_with_its_place_and_its_remedy(desk: Desk) -> None:
    desk.write("draft-07/building/record.avsc", RECORD)
    desk.write("draft-07/building/type.yaml", TYPE)
    desk.write("draft-07/policy.yaml", POLICY)
    check = "gongyu-hub check --policy draft-07/policy.yaml --types draft-07"
    assert "no mistakes" in desk.do(check).said

    for file, text, mistakes in (("building/type.yaml", TYPE, TYPE_MISTAKES), ("policy.yaml", POLICY, POLICY_MISTAKES)):
        for right, wrong, remedy in mistakes:
            assert text.count(right) == 1
            desk.write(f"draft-07/{file}", text.replace(right, wrong))
            checked = desk.type(check)
            assert checked.code == 2
            assert f"{file}:" in checked.said and remedy in checked.said
        desk.write(f"draft-07/{file}", text)
    print(f"{len(TYPE_MISTAKES)} mistakes in a type and {len(POLICY_MISTAKES)} in a policy: each named with its place")


def test_2_a_file_as_offices_have_them_becomes_rows_at_the_bank(desk: Desk) -> None:
    desk.write("buildings.tsv", BUILDINGS, "cp949")
    assert "--type 'building' is not known; known are" in desk.type(f"{PUBLISH}").said

    # The type goes into the folder that the hub watches. Until a grant needs it nothing of it is read.
    desk.write("types/building/record.avsc", RECORD)
    desk.write("types/building/type.yaml", TYPE.replace("연면적(㎡): floor_m2", "연면적: floor_m2"))
    desk.agree(POLICY)

    # A profile that others can read, the wrong encoding, a header that the type does not know: nothing is published.
    profile = desk.folder / "hub/profiles/owner.housing-office.yaml"
    profile.chmod(0o644)
    assert "it holds a password: run chmod 600 hub/profiles/owner.housing-office.yaml" in desk.type(PUBLISH).said
    profile.chmod(0o600)
    assert "buildings.tsv: line 1, byte 1: not utf-8; is it --encoding cp949?" in desk.type(PUBLISH).said
    refused = desk.type(f"{PUBLISH} --encoding cp949")
    assert refused.code == 2
    assert "unknown column '연면적(㎡)'; no column for field 'floor_m2'" in refused.said
    assert "--map HEADER=field names a column, --ignore HEADER passes one over" in refused.said
    assert desk.metric("gongyu_inputs_total", "building") == 0

    # The header is named. One row has a comma in its number: it is set aside, the others are published.
    published = desk.type(f"{PUBLISH} --encoding cp949 --map '연면적(㎡)=floor_m2'")
    assert published.code == 5 and "created 3" in published.said
    reject = json.loads((desk.folder / "buildings.tsv.rejects.jsonl").read_text(encoding="utf-8"))
    assert (reject["line"], reject["field"]) == (2, "floor_m2") and "decimal" in reject["reason"]

    # Mended in both places, the same command publishes what was missing.
    desk.write("types/building/type.yaml", TYPE)
    desk.write("buildings.tsv", BUILDINGS.replace("12,480.50", "12480.50"), "cp949")
    assert "created 1 updated 0 deleted 0 unchanged 3" in desk.do(f"{PUBLISH} --encoding cp949").said
    desk.decided("building", 4)

    # The bank, too, is told: a profile that is not a subscriber's, a grant that is not its own.
    bank = "hub/profiles/subscriber.bank-nuri.yaml"
    wrong = desk.type(f"{RECEIVE} --profile hub/profiles/owner.housing-office.yaml")
    assert wrong.code == 2 and "the profile is of user 'owner.housing-office'; a subscriber's is named subscriber.NAME" in wrong.said
    unknown = desk.type(f"{RECEIVE.replace('large-buildings', 'buildings')} --profile {bank}")
    assert unknown.code == 3 and "may not read topic grant.bank-nuri.buildings, or there is no such topic" in unknown.said

    desk.do(f"{RECEIVE} --profile {bank}")
    assert desk.table("bank.db", "large-buildings", "building_id, name, approved_on, floor_m2") == [
        ("1101-1", "하늘빌딩", "1998-05-20", "12480.50"),
        ("1101-3", "소라상가", None, "2310.25"),
        ("1101-4", "대지창고", "2003-12-11", "5400.00"),
    ]
