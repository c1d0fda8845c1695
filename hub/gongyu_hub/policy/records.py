"""The records of `hub.policy`: what the control plane publishes and workers decide by.

JSON in UTF-8, one partition, compacted; the key says what a record is. A manifest is written after the grant
versions it names, so a reader that has a manifest has all of it.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

HEARTBEAT_KEY = b"heartbeat"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        return self.model_dump_json().encode()


class Purpose(_Record):
    code: str
    text: str


class LegalBasis(_Record):
    """Dates are ISO texts; the control plane alone compares them with a clock."""

    statute: str
    article: str
    valid_from: str
    valid_to: str | None = None


class TypeRecord(_Record):
    """An information type that has subject lists: they are read before it has any epoch."""

    information_type: str
    topic: str
    subjects_topic: str
    partitions: int
    subject_key_schema_id: int

    def key(self) -> bytes:
        return f"type/{self.information_type}".encode()


class GrantVersion(_Record):
    """One immutable version of a grant, with all that a worker needs to deliver under it."""

    subscriber: str
    grant: str
    version: int
    information_type: str
    fields: tuple[str, ...]
    rows: str | None = None
    #: Field -> its treatment (`policy.treatments.Treatment`); and which key pseudonyms are made with (`PseudonymKey.check`).
    treatments: dict[str, dict[str, Any]] = {}
    pseudonym_key: str | None = None
    #: Name of the subscriber's list that the subject must be on; None: all subjects.
    subject_list: str | None = None
    purpose: Purpose
    legal_basis: LegalBasis
    valid_from: str | None = None
    valid_to: str | None = None
    topic: str
    #: Of the grant topic; frozen. Output partition = input partition mod this.
    partitions: int
    key_schema_id: int
    #: Writer schema id of the owner topic (as text: JSON keys are texts) -> id of this version's view schema.
    view_schema_ids: dict[str, int]

    def key(self) -> bytes:
        return grant_key(self.subscriber, self.grant, self.version)


class Ended(_Record):
    """That a grant was ended, for good: in which epoch, when, by whom (`clock`: a date has passed) and why."""

    epoch: int
    at_ms: int
    who: str
    reason: str


class ManifestEntry(_Record):
    """What an epoch says of one grant. One that has ended is named by every later epoch of its type."""

    subscriber: str
    grant: str
    version: int
    state: Literal["active", "ended"] = "active"
    copy_number: int = 1
    ended: Ended | None = None

    @model_validator(mode="after")
    def _ended_alike(self) -> Self:
        if (self.state == "ended") != (self.ended is not None):
            raise ValueError("`ended` belongs to the state `ended`, and to no other")
        return self

    def may_follow(self, before: ManifestEntry) -> bool:
        """Nothing changes, or an active grant ends. What has ended never comes back."""
        ends = self.ended is not None and before.state == "active"
        return self == (before.model_copy(update={"state": "ended", "ended": self.ended}) if ends else before)


class Manifest(_Record):
    """One epoch of one information type: everything in force for it."""

    information_type: str
    epoch: int
    published_ms: int
    owner: str
    topic: str
    state_topic: str
    partitions: int
    #: Field names of the record key, the subject, and the version field.
    key_fields: tuple[str, ...]
    subject_fields: tuple[str, ...]
    version_field: str | None = None
    subject_key_schema_id: int
    writer_schema_ids: tuple[int, ...]
    grants: tuple[ManifestEntry, ...]
    #: Partition -> owner offset: paused there or before, it goes on; rejections up to there pause nothing.
    resume: dict[int, int] = Field(default_factory=dict)

    def key(self) -> bytes:
        return epoch_key(self.information_type, self.epoch)

    def active(self) -> tuple[ManifestEntry, ...]:
        """The grants that are decided; of the others nothing is delivered."""
        return tuple(entry for entry in self.grants if entry.state == "active")

    def follows(self, before: Manifest) -> bool:
        """Whether it may be adopted behind the other without a walk over the images: every grant that is still active shows of each image
        what it showed, because nothing differs but that grants have ended and pauses too.
        """
        own = {"epoch": self.epoch, "published_ms": self.published_ms, "resume": self.resume, "grants": self.grants}
        if before.model_copy(update=own) != self or len(before.grants) != len(self.grants):
            return False
        return all(now.may_follow(then) for now, then in zip(self.grants, before.grants, strict=True))


class Adoption(_Record):
    """On `hub.adoptions`, by the worker in the transaction that put an epoch into effect in a partition.

    Of the owner topic every message before `owner_offset`, and of the subject lists before `list_offset`, was decided before it. One
    record for each epoch that a partition adopted: also later it can be told under which epoch a message was decided.
    """

    information_type: str
    partition: int
    epoch: int
    before: int  # the epoch in effect there until then; 0: none
    owner_offset: int
    list_offset: int
    at_ms: int

    def key(self) -> bytes:
        return f"{self.information_type}/{self.partition}/{self.epoch}".encode()


class Refusal(_Record):
    """The policy file or a type's folder is refused since then, so that what it says is not in force. For people."""

    since_ms: int
    what: str
    reason: str


class Heartbeat(_Record):
    """Written about once a second: whoever reads it knows that the policy before it is complete. `refused`: None where all is in force."""

    sequence: int
    at_ms: int
    refused: Refusal | None = None


def epoch_key(information_type: str, epoch: int) -> bytes:
    return f"epoch/{information_type}/{epoch}".encode()


def grant_key(subscriber: str, grant: str, version: int) -> bytes:
    return f"grant/{subscriber}/{grant}/{version}".encode()
