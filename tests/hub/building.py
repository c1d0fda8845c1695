"""Builds what the stages take, from a type folder: policies, owner messages, batches, pendings on a real store."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import numpy as np

from gongyu_hub.policy.compiled import Listed, TypePolicy, compile_listed, compile_policy
from gongyu_hub.policy.pseudonyms import PseudonymKey
from gongyu_hub.policy.records import Ended, GrantVersion, LegalBasis, Manifest, ManifestEntry, Purpose, TypeRecord
from gongyu_hub.policy.treatments import Treatment
from gongyu_hub.state.pending import Partition, Pending
from gongyu_hub.state.records import Progress
from gongyu_hub.state.store import Identity, Store
from gongyu_hub.values import Batch
from gongyu_schemas import wire
from gongyu_schemas.envelope import ViewTerms, owner_envelope, subject_key_schema, view_envelope
from gongyu_schemas.granted import leaves_of
from gongyu_schemas.information_type import InformationType, load_type
from gongyu_schemas.names import grant_topic, owner_topic, state_topic, subjects_topic
from gongyu_schemas.partitioner import partition_of
from gongyu_schemas.subject_lists import ADDED, entry_key, list_name

KEY_ID, WRITER_ID, FIRST_VIEW_ID = 11, 12, 100
MASTER = bytes(range(32))
PSEUDONYM_KEY = PseudonymKey(MASTER)
TYPES = Path(__file__).parents[1] / "types"

Row = dict[str, Any]


def encode(schema: Any, value: Any) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), value)
    return body.getvalue()


def decode_avro(schema: Any, body: bytes) -> Any:
    reader = BytesIO(body)
    value = fastavro.schemaless_reader(reader, fastavro.parse_schema(schema), None)
    assert not reader.read(1)
    return value


@dataclass
class World:
    """One information type, some grants, and messages to put through the stages."""

    information_type: InformationType
    #: name -> {"fields": [...], "rows": text or None, "treatments": as the policy has them, "list": name or None}
    grants: dict[str, dict[str, Any]]
    offset: int = 0
    messages: list[tuple[int, int, bytes | None, bytes | None]] = field(default_factory=list)
    entries: list[tuple[int, int, bytes | None, bytes | None]] = field(default_factory=list)  # of subject lists

    @property
    def topic(self) -> str:
        return owner_topic(self.information_type.owner, self.information_type.name)

    def policy(self, epoch: int = 1, ended: Collection[str] = ()) -> TypePolicy:
        """`ended`: grants that have ended in this epoch."""
        of = self.information_type
        versions = tuple(self._version(name, index) for index, name in enumerate(self.grants) if name not in ended)
        manifest = Manifest(
            information_type=of.name,
            epoch=epoch,
            published_ms=1_700_000_000_000,
            owner=of.owner,
            topic=self.topic,
            state_topic=state_topic(of.name),
            partitions=of.partitions,
            key_fields=of.key,
            subject_fields=of.subject,
            version_field=of.version,
            subject_key_schema_id=KEY_ID,
            writer_schema_ids=(WRITER_ID,),
            grants=tuple(_entry(name, epoch, name in ended) for name in self.grants),
        )
        return compile_policy(manifest, versions, owner_envelope(of), subject_key_schema(of), PSEUDONYM_KEY)

    def listed(self) -> Listed:
        of = self.information_type
        announced = TypeRecord(
            information_type=of.name,
            topic=self.topic,
            subjects_topic=subjects_topic(of.name),
            partitions=of.partitions,
            subject_key_schema_id=KEY_ID,
        )
        return compile_listed(announced, subject_key_schema(of))

    def view_schema(self, grant: str) -> Any:
        fields, treatments = leaves_of(self.grants[grant]["fields"], self.information_type.fields), self.treatments(grant)
        terms = ViewTerms("bank", grant, 1, fields, {"code": "c", "text": "t"}, {"statute": "s"}, treatments=treatments)
        return view_envelope(self.information_type, terms)

    def treatments(self, grant: str) -> dict[str, dict[str, Any]]:
        """As a grant version has them."""
        said = self.grants[grant].get("treatments", {})
        return {name: Treatment.model_validate(each).content() for name, each in said.items()}

    def key(self, row: Row) -> bytes:
        subject = {name: row[name] for name in self.information_type.subject}
        return wire.frame(KEY_ID, encode(subject_key_schema(self.information_type), subject))

    def value(self, op: str, before: Row | None, after: Row | None, ts_ms: int = 5) -> bytes:
        source = {"name": "test", "position": self.offset, "act": None}
        change = {"before": before, "after": after, "op": op, "ts_ms": ts_ms, "source": source}
        return wire.frame(WRITER_ID, encode(owner_envelope(self.information_type), change))

    def send(self, op: str, before: Row | None, after: Row | None) -> None:
        row = after if after is not None else before
        assert row is not None
        self.send_raw(self.key(row), self.value(op, before, after))

    def send_raw(self, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        place = partition_of(key, self.information_type.partitions) if key is not None else 0
        self.messages.append((place if partition is None else partition, self.offset, key, value))
        self.offset += 1

    def put_on_list(self, name: str, row: Row, there: bool = True) -> None:
        """Add the row's subject to a list of the bank, or remove it."""
        self.put_raw(entry_key(list_name("bank", name), self.key(row)), ADDED if there else None, self.key(row))

    def put_raw(self, key: bytes | None, value: bytes | None, subject_key: bytes | None = None, partition: int = 0) -> None:
        place = partition if subject_key is None else partition_of(subject_key, self.information_type.partitions)
        self.entries.append((place, self.offset, key, value))
        self.offset += 1

    def batch(self) -> Batch:
        """What was sent since the last batch."""
        taken, self.messages = self.messages, []
        return batch_of(self.topic, taken)

    def list_batch(self) -> Batch:
        """The list changes since the last one."""
        taken, self.entries = self.entries, []
        return batch_of(subjects_topic(self.information_type.name), taken)

    def pendings(self, folder: Path) -> dict[int, Pending]:
        found = {}
        for number in range(self.information_type.partitions):
            store = Store(folder / str(number), Identity("cluster", state_topic(self.information_type.name), "id", number))
            store.begin(fresh=True)
            found[number] = Pending(Partition(self.topic, state_topic(self.information_type.name), number, store, Progress(adopted=1)))
        return found

    def _version(self, name: str, index: int) -> GrantVersion:
        return GrantVersion(
            subscriber="bank",
            grant=name,
            version=1,
            information_type=self.information_type.name,
            fields=leaves_of(self.grants[name]["fields"], self.information_type.fields),
            rows=self.grants[name].get("rows"),
            treatments=self.treatments(name),
            pseudonym_key=PSEUDONYM_KEY.check,
            subject_list=self.grants[name].get("list"),
            purpose=Purpose(code="c", text="t"),
            legal_basis=LegalBasis(statute="s", article="a", valid_from="2020-01-01"),
            topic=grant_topic("bank", name),
            partitions=2,
            key_schema_id=KEY_ID,
            view_schema_ids={str(WRITER_ID): FIRST_VIEW_ID + index},
        )


def _entry(name: str, epoch: int, is_ended: bool) -> ManifestEntry:
    active = ManifestEntry(subscriber="bank", grant=name, version=1)
    ended = Ended(epoch=epoch, at_ms=5, who="admin", reason="an order")
    return active.model_copy(update={"state": "ended", "ended": ended}) if is_ended else active


def batch_of(topic: str, messages: list[tuple[int, int, bytes | None, bytes | None]]) -> Batch:
    """(partition, offset, key, value) of each."""
    taken = sorted(messages, key=lambda message: message[:2])
    return Batch(
        topic=topic,
        partitions=np.array([m[0] for m in taken], np.int64),
        offsets=np.array([m[1] for m in taken], np.int64),
        timestamps_ms=np.full(len(taken), 7, np.int64),
        keys=[m[2] for m in taken],
        values=[m[3] for m in taken],
    )


def load(name: str) -> InformationType:
    return load_type(TYPES / name)
