"""Subject lists as an operator puts them, and what became of them: on Kafka, in the hub's offsets, in its state."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gongyu_hub.registry.hub_offsets import has_read
from gongyu_schemas.names import subjects_topic
from tests.kafka.operator_asks import Answer, ask
from tests.running import Published, RunningHub
from tests.waiting import wait_until

LISTED = {
    "all": {"fields": ["id", "name"]},
    "vip": {"fields": ["id", "name"], "subjects": {"list": "vip"}},
    "seoul-vip": {"fields": ["id", "region"], "rows": "region = '11'", "subjects": {"list": "vip"}},
}


def lists(hub: RunningHub, action: str, of: Published, *more: str, lines: Iterable[str] = (), name: str = "vip") -> Answer:
    """The command with lines on standard input."""
    source = [] if action == "show" else ["-"]
    given = "".join(f"{line}\n" for line in lines)
    return ask(hub, "lists", action, name, *source, "--type", of.type.name, "--subscriber", of.subscriber, *more, given=given)


def put(hub: RunningHub, action: str, of: Published, lines: Iterable[str], *more: str) -> dict[str, Any]:
    done = lists(hub, action, of, "--json", *more, lines=lines)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def told(hub: RunningHub, of: Published, deadline_s: float = 60) -> int:
    """Wait until Kafka knows the list and the hub has settled it; the number of entries."""
    entries = on_kafka(hub, of, deadline_s)
    settled(of, deadline_s)
    return entries


def on_kafka(hub: RunningHub, of: Published, deadline_s: float = 60) -> int:
    """Wait until Kafka knows the list; the number of entries."""
    standing: dict[str, int] = {}

    def done() -> bool:
        standing.update(json.loads(lists(hub, "show", of, "--json").stdout))
        return standing["untold"] == 0

    wait_until(done, deadline_s, "all changes published")
    return standing["entries"]


def settled(of: Published, deadline_s: float = 60) -> None:
    """Wait until the hub has committed every message of the lists; behind the last one lies the mark of a transaction's end."""
    topic, admin = subjects_topic(of.type.name), of.hub.profile("admin")
    ends = {number: end for number, end in enumerate(of.ends(topic)) if end > 0}
    wait_until(lambda: has_read(admin, topic, ends), deadline_s, f"the lists of {of.type.name} settled")


def membership(of: Published) -> dict[bytes, set[str]]:
    """By subject, its lists, as the state topic has them."""
    found: dict[bytes, set[str]] = {}
    for message in of.read(of.state_topic(), of.type.partitions):
        key, value = message.key() or b"", message.value()
        if key[:1] == b"\x03":
            found[key[1:]] = set(value.decode().split("\n")) if value else set()
    return {subject: names for subject, names in found.items() if names}
