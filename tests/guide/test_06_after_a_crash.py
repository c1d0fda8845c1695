"""06. After a crash

A worker may die at any moment: killed, out of memory, without power. Whatever it did for a batch of messages is one Kafka
transaction, so either all of it counts or nothing. The next worker of that name goes on where the last finished
transaction ended. Nobody has to repair anything, and nothing arrives twice.

The same holds on both other sides: a publisher that died is simply started again with the same file, a receiver keeps
its position in the same database transaction as its rows.
"""

from __future__ import annotations

import json

import pytest

from tests.guide.walk import Desk
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

POLICY = """
subscribers:
  lost-property: {title: {ko: 유실물센터, en: Lost Property Office}}
grants:
  - subscriber: lost-property
    grant: bicycles
    information_type: bicycle
    fields: [frame_no, brand]
    rows: year >= 2000
    purpose: {code: return, text: Return of found bicycles}
    legal_basis: {statute: Lost Articles Act, article: Article 1, valid_from: 2020-01-01}
"""
HOW_MANY = 20_000


def test_a_killed_worker_loses_nothing_and_repeats_nothing(desk: Desk) -> None:
    desk.agree(POLICY)
    rows = [f"F-{number:06d},brand {number % 7},{1990 + number % 30}" for number in range(HOW_MANY)]
    desk.write("bicycles.csv", "\n".join(["frame_no,brand,year", *rows, ""]))
    publish = (
        "gongyu-owner publish bicycles.csv --type bicycle --types types --snapshot --per-transaction 500 --state-dir owner "
        "--profile hub/profiles/owner.cycle-registry.yaml"
    )
    publisher = desk.leave(publish)

    # While the owner publishes and the hub decides, the worker is killed in the middle of its work, and another one started.
    wait_until(lambda: desk.metric("gongyu_images", "bicycle") > 0, 60, "the first bicycles decided")
    desk.kill("work")
    desk.begin("gongyu-hub work --dir hub", "worker worker-1: ready")
    assert f"created {HOW_MANY:,}" in desk.finished(publisher)
    wait_until(lambda: desk.metric("gongyu_images", "bicycle") == HOW_MANY, 90, "every bicycle decided")

    # Two thirds of the bicycles are new enough; each was delivered once.
    received = desk.do(
        "gongyu-subscriber receive bicycles --exit-at-end --json --to sqlite:///bicycles.db "
        "--profile hub/profiles/subscriber.lost-property.yaml"
    )
    wanted = sorted((frame, brand) for frame, brand, year in (row.split(",") for row in rows) if int(year) >= 2000)
    assert desk.table("bicycles.db", "bicycles", "frame_no, brand") == wanted
    summary = json.loads(received.out)
    assert [summary["delivered"][op] for op in "cud"] == [len(wanted), 0, 0]
    print(f"{HOW_MANY} records, a worker killed among them: {len(wanted)} delivered once each")

    # And the owner, who does not know whether its last command ended well, starts it again: there is nothing left to publish.
    assert json.loads(desk.do(f"{publish} --json").out)["unchanged"] == HOW_MANY
