"""The policy as a worker sees it: grant versions and manifests read from `hub.policy`, and how fresh they are.

Deny by default: `start` returns only when the topic was read to the end it had at the start *and* a heartbeat beyond it was
seen; later a heartbeat older than allowed (by the monotonic clock) means that inputs must not be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from pydantic import ValidationError

from gongyu_hub.policy.records import HEARTBEAT_KEY, GrantVersion, Manifest, TypeRecord, grant_key
from gongyu_schemas.errors import FatalError, KafkaUnavailable
from gongyu_schemas.names import POLICY_TOPIC
from gongyu_schemas.transport.clients import make_consumer, take_messages
from gongyu_schemas.transport.profile import Profile

LOG = structlog.get_logger()
_POLL_S = 0.2
_BATCH = 1000


class PolicyReader:
    """`manifests`: the newest per information type. `epochs`: all, by type and epoch. `types`: those with subject lists.
    `grants`: every version read, by key.
    """

    def __init__(self, profile: Profile, group: str) -> None:
        self.manifests: dict[str, Manifest] = {}
        self.epochs: dict[tuple[str, int], Manifest] = {}
        self.types: dict[str, TypeRecord] = {}
        self.grants: dict[bytes, GrantVersion] = {}
        self._heartbeat_offset = -1
        self._heartbeat_at = float("-inf")
        self._heard_at = float("-inf")
        self._consumer: Consumer = make_consumer(
            profile,
            **{
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "topic.metadata.refresh.interval.ms": 5000,
            },
        )

    def start(self, timeout_s: float, stopping: Callable[[], bool]) -> None:
        """Read all there is and wait for a heartbeat. Raises KafkaUnavailable after `timeout_s` without one."""
        deadline = time.monotonic() + timeout_s
        place = TopicPartition(POLICY_TOPIC, 0)
        while True:
            try:
                _, end = self._consumer.get_watermark_offsets(place, timeout=2.0, cached=False)
                break
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise KafkaUnavailable(f"cannot read {POLICY_TOPIC}: {error.args[0].str()}; is the control plane up?") from error
        self._consumer.assign([TopicPartition(POLICY_TOPIC, 0, OFFSET_BEGINNING)])
        while self._heartbeat_offset < end and not stopping():
            self.poll(_POLL_S)
            if time.monotonic() > deadline:
                raise KafkaUnavailable(
                    f"no heartbeat of the control plane on {POLICY_TOPIC} within {timeout_s:.0f} s: start the control plane"
                )

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Take all that is new; True where the policy itself changed.

        A heartbeat may have waited in the client since the poll before, so it counts as that old.
        """
        changed, began = False, time.monotonic()
        while messages := take_messages(self._consumer, _BATCH, timeout_s):
            for message in messages:
                changed |= self._hear(message)
            timeout_s = 0.0
        self._heard_at = began
        return changed

    def age_s(self) -> float:
        """Seconds since the newest heartbeat was read."""
        return time.monotonic() - self._heartbeat_at

    def granted(self, manifest: Manifest) -> tuple[GrantVersion, ...]:
        """The versions of its active grants, in its order. Raises FatalError where one is missing."""
        keys = [grant_key(entry.subscriber, entry.grant, entry.version) for entry in manifest.active()]
        missing = [key for key in keys if key not in self.grants]
        if missing:
            raise FatalError(f"epoch {manifest.epoch} of {manifest.information_type} names {missing[0]!r}, which {POLICY_TOPIC} lacks")
        return tuple(self.grants[key] for key in keys)

    def close(self) -> None:
        self._consumer.close()

    def _hear(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return self._take(message.key(), message.value(), message.offset() or 0)
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise FatalError(f"{POLICY_TOPIC} was made anew under this worker: {error.str()}; restart it")
        LOG.warning("policy not readable for now", cause=error.str())
        return False

    def _take(self, key: bytes | None, value: bytes | None, offset: int) -> bool:
        if key is None or value is None:
            return False
        if key == HEARTBEAT_KEY:
            self._heartbeat_offset, self._heartbeat_at = offset, self._heard_at
            return False
        try:
            if key.startswith(b"grant/"):
                self.grants[key] = GrantVersion.model_validate_json(value)
            elif key.startswith(b"type/"):
                announced = TypeRecord.model_validate_json(value)
                self.types[announced.information_type] = announced
                return True
            elif key.startswith(b"epoch/"):
                manifest = Manifest.model_validate_json(value)
                self.epochs[manifest.information_type, manifest.epoch] = manifest
                known = self.manifests.get(manifest.information_type)
                if known is None or manifest.epoch > known.epoch:
                    self.manifests[manifest.information_type] = manifest
                    return True
        except ValidationError as error:
            raise FatalError(f"{POLICY_TOPIC} holds a record at offset {offset} that this version cannot read") from error
        return False
