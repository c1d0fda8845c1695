"""01. A record travels

The city hall keeps a register of dogs; the information type `dog` (folder types/dog) says what is in it. An insurer is
granted a part: the tag, the breed and the weight of dogs of 20 kg and more, and nothing about their keepers. That is one
grant in the policy file, with the purpose and the law that allow it.

The city hall publishes its file. The hub decides, for each record and each grant, what may be seen of it. The insurer
receives into an SQLite table: one of the three dogs weighs too little, and nobody's name arrives.
"""

from __future__ import annotations

import json

import pytest

from tests.guide.walk import Desk

pytestmark = pytest.mark.kafka

POLICY = """
subscribers:
  insurer: {title: {ko: 동물보험, en: Animal Insurance}}
grants:
  - subscriber: insurer
    grant: large-dogs
    information_type: dog
    fields: [tag, breed, weight_kg]
    rows: weight_kg >= 20
    purpose: {code: premium, text: Premiums of dog liability insurance}
    legal_basis: {statute: Animal Protection Act, article: Article 15, valid_from: 2020-01-01}
"""
DOGS = """
tag,name,breed,keeper,weight_kg
410-01,Bori,Jindo,Kim Haneul,21
410-02,Kong,Maltese,Lee Nuri,3
410-03,Duri,Sapsaree,Park Sora,24
"""


def test_a_record_travels_from_the_city_hall_to_the_insurer(desk: Desk) -> None:
    desk.agree(POLICY)
    desk.write("dogs.csv", DOGS)

    # The owner's profile was made by the hub: address, user and password. It goes to the city hall and to nobody else.
    published = desk.do(
        "gongyu-owner publish dogs.csv --type dog --types types --snapshot --state-dir owner --profile hub/profiles/owner.city-hall.yaml"
    )
    assert "published 3 changes from 3 rows" in published.said
    desk.decided("dog", 3)

    # The insurer has a profile of its own, and needs no knowledge of the type: the schema comes with the messages.
    receive = "gongyu-subscriber receive large-dogs --exit-at-end --profile hub/profiles/subscriber.insurer.yaml"
    desk.do(f"{receive} --to sqlite:///insurer.db")
    assert desk.table("insurer.db", "large-dogs", "tag, breed, weight_kg") == [("410-01", "Jindo", 21), ("410-03", "Sapsaree", 24)]

    # As lines, each delivery shows what it is: c for created, where it came from, for which purpose and by which law.
    desk.do(f"{receive} --to jsonl:insurer.jsonl")
    lines = [json.loads(line) for line in (desk.folder / "insurer.jsonl").read_text(encoding="utf-8").splitlines()]
    deliveries = [line for line in lines if line["op"] != "m"]  # m: the marks around a copy, here an empty one
    assert [line["op"] for line in deliveries] == ["c", "c"]
    assert deliveries[0]["purpose"] == "premium"
    assert "Kim Haneul" not in str(lines) and "Maltese" not in str(lines)
