"""02. A bad record is set aside

Registers have mistakes in them. A bad row never stops the good ones and is never delivered as something else. There are
two places where it is set aside, because there are two ways to write to an owner's topic.

`gongyu-owner` looks at every row before it publishes any. A row that is no record goes to a rejects file beside the
owner's file: line, field and reason. The command ends with exit code 5, so that a script notices. When the file is mended,
publishing it again publishes the rest.

An owner may also write with a Kafka client of its own, and then anything can arrive. What the hub cannot read becomes a dead letter: the
message as it came, with the reason and its position beside it, kept for thirty days for the hub's operators.
"""

from __future__ import annotations

import json

import pytest

from gongyu_schemas.transport.clients import make_producer
from gongyu_schemas.transport.profile import read_profile
from tests.guide.walk import Desk

pytestmark = pytest.mark.kafka

POLICY = """
subscribers:
  health-office: {title: {ko: 보건소, en: Health Office}}
grants:
  - subscriber: health-office
    grant: unsafe-wells
    information_type: well
    fields: [well_id, tested_on, water]
    rows: water = 'UNSAFE'
    purpose: {code: hygiene, text: Closing of unsafe wells}
    legal_basis: {statute: Drinking Water Act, article: Article 8, valid_from: 2020-01-01}
"""
WELLS = """
well_id,depth_m,tested_on,water
W-1,40,2026-03-01,UNSAFE
W-2,deep,2026-03-01,SAFE
W-3,25,2026-02-30,UNSAFE
W-4,60,2026-03-02,UNSAFE
"""
PUBLISH = "gongyu-owner publish wells.csv --type well --types types --state-dir owner --profile hub/profiles/owner.water-board.yaml"


def test_a_bad_row_is_rejected_at_the_owner_and_a_bad_message_at_the_hub(desk: Desk) -> None:
    desk.agree(POLICY)
    desk.write("wells.csv", WELLS)

    # Two of the four rows are no wells: a depth that is no number, a day that does not exist.
    published = desk.type(f"{PUBLISH} --snapshot")
    assert published.code == 5
    assert "rejected 2" in published.said and "wells.csv.rejects.jsonl" in published.said
    rejects = [json.loads(line) for line in (desk.folder / "wells.csv.rejects.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(reject["line"], reject["field"]) for reject in rejects] == [(3, "depth_m"), (4, "tested_on")]
    desk.decided("well", 2)

    # Mended, the file is published again: what was right before is unchanged and not sent twice.
    desk.write("wells.csv", WELLS.replace("deep", "70").replace("02-30", "02-28"))
    assert "created 2" in desk.do(f"{PUBLISH} --snapshot").said
    desk.decided("well", 4)

    # Now a client of the owner's own, with a mistake in it: these bytes are no message of a well.
    profile = read_profile(desk.folder / "hub/profiles/owner.water-board.yaml")
    producer = make_producer(profile)
    producer.produce("owner.water-board.well", b"depth: 40 m", b"W-5")
    assert producer.flush(30) == 0
    desk.decided("well", 5)

    # It is set aside with its reason. What was sent is shown only where an operator asks for it.
    listed = desk.do("gongyu-hub dead-letters list --dir hub --type well --json")
    (letter,) = json.loads(listed.out)
    assert (letter["reason"], letter["owner_topic"]) == ("not-wire-format", "owner.water-board.well") and letter["detail"]
    sent = b"depth: 40 m".hex()
    assert sent not in listed.said
    assert sent in desk.do(f"gongyu-hub dead-letters show {letter['position']} --dir hub --values").said

    # What comes after it is delivered: the water of W-2 is no longer safe.
    desk.write("wells.csv", "well_id,depth_m,tested_on,water\nW-2,70,2026-04-01,UNSAFE\n")
    desk.do(PUBLISH)
    desk.decided("well", 6)
    desk.do(
        "gongyu-subscriber receive unsafe-wells --exit-at-end --to sqlite:///health.db --profile hub/profiles/subscriber.health-office.yaml"
    )
    assert [row[0] for row in desk.table("health.db", "unsafe-wells", "well_id")] == ["W-1", "W-2", "W-3", "W-4"]
