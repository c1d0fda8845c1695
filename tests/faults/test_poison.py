"""Poison: whatever an owner sends, the good messages around it are delivered and nobody else's stream stops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gongyu_schemas.names import DEAD_LETTER_TOPIC
from tests.faults.changes import GRANTS
from tests.running import Published, RunningHub, people
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def letters(of: Published) -> list[dict[str, str]]:
    """Headers of this type's dead letters."""
    found = []
    for message in of.read(DEAD_LETTER_TOPIC, 4):
        headers = {name: value.decode() for name, value in dict(message.headers() or ()).items() if isinstance(value, bytes)}
        if headers["gongyu.topic"] == of.topic:
            found.append({**headers, "bytes": str(len(message.value() or b""))})
    return found


def test_a_message_larger_than_any_topic_takes_once_unpacked_is_a_dead_letter_without_its_body(
    hub: RunningHub, unique: Callable[[str], str]
) -> None:
    of = hub.add_type("person", unique("huge"), GRANTS)
    row = people([1])[0]
    with hub.working():
        of.send("c", None, row)
        of.send("u", None, {**row, "name": "x" * 3_000_000})  # a few hundred bytes on the way: the batch is compressed
        of.send("u", None, {**row, "name": "Lee"})
        of.settled()
    found = letters(of)
    assert [(letter["gongyu.reason"], letter["bytes"]) for letter in found] == [("too-large", "0")]
    assert "SHA-256" in found[0]["gongyu.omitted"]
    assert of.check().inputs == 3


@pytest.mark.timeout(300)
def test_a_run_of_rejections_pauses_that_partition_durably_and_no_other(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("paused"), GRANTS)
    other = hub.add_type("person", unique("unharmed"), GRANTS)
    bad, good = people(range(2))
    with hub.working("worker-1", "--max-rejections", "3") as worker:
        of.send("c", None, bad)
        of.settled()
        for _ in range(5):
            of.send_raw(of.key(bad), b"poison")
        of.flush()
        wait_until(lambda: "partition paused" in worker.text(), 30, "the pause")
        other.send("c", None, good)
        other.settled()
    assert len(letters(of)) == 3, "what stands behind the third is left unread"
    with hub.working("worker-1", "--max-rejections", "3") as worker:
        wait_until(lambda: "partition paused" in worker.text(), 30, "the pause is remembered")
        other.send("u", None, {**good, "name": "Lee"})
        other.settled()
    assert len(letters(of)) == 3
    assert other.check().inputs == 2
