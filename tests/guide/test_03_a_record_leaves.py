"""03. A record leaves

A grant is about records as they are now. The city may see the stalls whose licence is valid. When a licence expires, the
stall leaves the grant, and the city is told to forget it: a `d`. The city is not told why: a stall that was closed for
good and one that merely lost its licence look the same, as the state of those others is not granted. When the licence is
renewed the stall is back, as a `c`.

A change that the city may not see (here the holder's name) is not delivered at all.
"""

from __future__ import annotations

import json

import pytest

from tests.guide.walk import Desk

pytestmark = pytest.mark.kafka

POLICY = """
subscribers:
  city-cleaning: {title: {ko: 청소과, en: City Cleaning}}
grants:
  - subscriber: city-cleaning
    grant: valid-stalls
    information_type: stall
    fields: [stall_id, place]
    rows: licence = 'VALID'
    purpose: {code: cleaning, text: Cleaning of the streets around stalls}
    legal_basis: {statute: Road Act, article: Article 61, valid_from: 2020-01-01}
"""
HEADER = "stall_id,holder,place,licence\n"
#: The whole register, day by day.
DAYS = (
    "S-1,Kim Haneul,Market 1,VALID\nS-2,Lee Nuri,Market 2,VALID\nS-3,Park Sora,Market 3,EXPIRED\n",
    "S-1,Kim Haneul,Market 1,EXPIRED\nS-2,Choi Dan,Market 2,VALID\nS-3,Park Sora,Market 3,EXPIRED\n",  # S-1 expires; S-2 changes hands
    "S-1,Kim Haneul,Market 1,VALID\nS-2,Choi Dan,Market 9,VALID\n",  # S-1 is renewed; S-2 moves; S-3 is closed for good
    "S-1,Kim Haneul,Market 1,VALID\n",  # S-2 is closed for good
)


def test_a_record_that_leaves_the_grant_is_deleted_at_the_subscriber(desk: Desk) -> None:
    desk.agree(POLICY)
    changes = 0
    for day, rows in enumerate(DAYS):
        desk.write("stalls.csv", HEADER + rows)
        published = desk.do(
            "gongyu-owner publish stalls.csv --type stall --types types --snapshot --state-dir owner --allow-deletes --json "
            "--profile hub/profiles/owner.market-office.yaml"
        )
        summary = json.loads(published.out)
        changes += summary["created"] + summary["updated"] + summary["deleted"]
        desk.decided("stall", changes)
        assert changes == (3, 5, 8, 9)[day]

    receive = "gongyu-subscriber receive valid-stalls --exit-at-end --profile hub/profiles/subscriber.city-cleaning.yaml"
    desk.do(f"{receive} --to jsonl:stalls.jsonl")
    told: dict[str, list[tuple[str, str | None]]] = {}
    for line in (desk.folder / "stalls.jsonl").read_text(encoding="utf-8").splitlines():
        delivery = json.loads(line)
        if delivery["op"] != "m":
            place = (delivery["after"] or {}).get("place")
            told.setdefault(delivery["key"]["stall_id"], []).append((delivery["op"], place))
            assert delivery["source"]["reason"] == ("left" if delivery["op"] == "d" else None)
    assert told == {
        "S-1": [("c", "Market 1"), ("d", None), ("c", "Market 1")],
        "S-2": [("c", "Market 2"), ("u", "Market 9"), ("d", None)],
    }

    # In a table that is simply the present: the stalls with a valid licence.
    desk.do(f"{receive} --to sqlite:///stalls.db")
    assert desk.table("stalls.db", "valid-stalls", "stall_id, place") == [("S-1", "Market 1")]
