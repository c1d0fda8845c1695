"""05. Adding a type

An information type is a folder with two files and needs no code. `record.avsc` is the record as Avro schema;
`type.yaml` says whose it is, which fields identify a record, and how delicate each field is. What every option
means stands in schemas/README.md.

`gongyu-hub check` judges both files and the policy before anything is touched, and names every mistake with its place.
The running hub notices the new folder and the new grant by itself: nothing is restarted.
"""

from __future__ import annotations

import pytest

from tests.guide.walk import Desk

pytestmark = pytest.mark.kafka

RECORD = """
{"type": "record", "name": "Tree", "fields": [
  {"name": "tree_id", "type": "string"},
  {"name": "species", "type": "string"},
  {"name": "planted_on", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
  {"name": "girth_cm", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 1}}
]}
"""
TYPE = """
name: tree
owner: parks
title: {ko: 가로수대장, en: Register of street trees}
key: [tree_id]
classification: {tree_id: public, species: public, planted_on: public, girth_cm: public}
publishing:
  columns: {번호: tree_id, 수종: species, 식재일: planted_on, 둘레: girth_cm}
  null_texts: ["", "-"]
"""
POLICY = """
subscribers:
  forest-service: {title: {ko: 산림청, en: Forest Service}}
grants:
  - subscriber: forest-service
    grant: old-trees
    information_type: tree
    fields: [tree_id, species, girth_cm]
    rows: girth_cm >= 100 OR planted_on < '1950-01-01'
    purpose: {code: protection, text: Protection of old trees}
    legal_basis: {statute: Forest Protection Act, article: Article 13, valid_from: 2020-01-01}
"""
TREES = "번호\t수종\t식재일\t둘레\nT-1\t은행나무\t-\t212.5\nT-2\t벚나무\t2015-04-05\t38.0\nT-3\t느티나무\t1938-11-01\t99.9\n"


def test_a_type_is_added_while_the_hub_runs(desk: Desk) -> None:
    # First beside the hub, as a draft. A key that is no field and a field without classification are found at once.
    desk.write("draft/tree/record.avsc", RECORD)
    desk.write("draft/tree/type.yaml", TYPE.replace("key: [tree_id]", "key: [tree_no]").replace(", girth_cm: public", ""))
    desk.write("trees-policy.yaml", POLICY)
    check = "gongyu-hub check --policy trees-policy.yaml --types draft"
    checked = desk.type(check)
    assert checked.code == 2
    assert "key: 'tree_no' is not a field of the record" in checked.said
    assert "classification: field 'girth_cm' has none; give public, internal, personal or sensitive" in checked.said

    desk.write("draft/tree/type.yaml", TYPE)
    assert "1 grants of 1 subscribers on 1 information types: no mistakes" in desk.do(check).said

    # Then into the folder that the hub watches, with the grant.
    (desk.folder / "draft/tree").rename(desk.folder / "types/tree")
    desk.agree(POLICY)
    assert "tree" in desk.do("gongyu-owner types --types types").said

    # From here on it is a type as any other. The file has the office's own headers; type.yaml says what they mean.
    desk.write("trees.tsv", TREES)
    desk.do("gongyu-owner publish trees.tsv --type tree --types types --snapshot --state-dir owner --profile hub/profiles/owner.parks.yaml")
    desk.decided("tree", 3)
    desk.do(
        "gongyu-subscriber receive old-trees --exit-at-end --to sqlite:///forest.db --profile hub/profiles/subscriber.forest-service.yaml"
    )
    assert desk.table("forest.db", "old-trees", "tree_id, species, girth_cm") == [("T-1", "은행나무", "212.5"), ("T-3", "느티나무", "99.9")]
