"""Where each grant ended, partition by partition: read from what the hub has published and recorded, by the reference's own eyes.

Enters the messages of `hub.policy` and `hub.adoptions`; leaves, for each grant that has ended, up to which inputs it was decided; and what
was published of grants that the policy file no longer names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message

#: Subscriber and name.
GrantName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class End:
    """In one partition: the first offset of the owner topic, and of the subject lists, for which the grant was not decided any more.

    `began`: whether it was ever decided there.
    """

    owner: int
    lists: int
    began: bool = True

    def is_before(self, offset: int) -> bool:
        """Whether an input comes behind the end; its offset as deliveries name it."""
        return offset >= self.owner if offset >= 0 else -1 - offset >= self.lists


@dataclass(frozen=True, slots=True)
class EndedGrant:
    """`epoch`: the first in which it has ended. `version`: as it was published."""

    information_type: str
    epoch: int
    version: Mapping[str, Any]


def read_ended(policy: Iterable[Message]) -> dict[GrantName, EndedGrant]:
    """Every grant that a published epoch ends."""
    records = {bytes(message.key() or b"").decode(): message.value() for message in policy}
    found: dict[GrantName, EndedGrant] = {}
    for key, value in records.items():
        if not key.startswith("epoch/"):
            continue
        manifest = json.loads(value or b"null")
        for entry in manifest["grants"]:
            name = (entry["subscriber"], entry["grant"])
            if entry["state"] == "ended" and (name not in found or manifest["epoch"] < found[name].epoch):
                version = json.loads(records[f"grant/{name[0]}/{name[1]}/{entry['version']}"] or b"null")
                found[name] = EndedGrant(manifest["information_type"], manifest["epoch"], version)
    return found


def read_ends(ended: Mapping[GrantName, EndedGrant], adoptions: Iterable[Message]) -> dict[GrantName, dict[int, End]]:
    """By partition; none where no epoch that ends the grant has been adopted yet."""
    records = [json.loads(message.value() or b"null") for message in adoptions]
    return {
        name: {
            each["partition"]: End(each["owner_offset"], each["list_offset"], each["before"] > 0)
            for each in records
            if each["information_type"] == grant.information_type and each["before"] < grant.epoch <= each["epoch"]
        }
        for name, grant in ended.items()
    }
