"""What is in force for each owner topic: the newest epoch, compiled, and its subject lists, ready to be read."""

from __future__ import annotations

from pathlib import Path

import structlog

from gongyu_hub.policy.compiled import Listed, TypePolicy, compile_listed, compile_policy, end_grants
from gongyu_hub.policy.epochs import PolicyReader
from gongyu_hub.policy.key_file import read_key
from gongyu_hub.policy.schemas import SchemaReader

LOG = structlog.get_logger()


class InForce:
    """`policies`, `listed`: by owner topic. A type may have lists before it has an epoch, and an epoch without lists."""

    def __init__(self, reader: PolicyReader, schemas: SchemaReader, pseudonym_key: Path) -> None:
        """`pseudonym_key`: file of the key, read where grants use it."""
        self.policies: dict[str, TypePolicy] = {}
        self.listed: dict[str, Listed] = {}
        self._reader = reader
        self._schemas = schemas
        self._pseudonym_key = pseudonym_key

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(self.policies) | frozenset(self.listed)

    def read(self) -> None:
        """Compile what is new."""
        for announced in self._reader.types.values():
            if announced.topic not in self.listed:
                self.listed[announced.topic] = compile_listed(announced, self._schemas.read(announced.subject_key_schema_id))
        for manifest in self._reader.manifests.values():
            known = self.policies.get(manifest.topic)
            if known is not None and known.epoch != manifest.epoch and manifest.follows(known.manifest):
                self.policies[manifest.topic] = policy = end_grants(known, manifest)
                LOG.info("policy read", information_type=manifest.information_type, epoch=manifest.epoch, grants=len(policy.grants))
            elif known is None or known.epoch != manifest.epoch:
                writer = self._schemas.read(manifest.writer_schema_ids[0])
                key = self._schemas.read(manifest.subject_key_schema_id)
                granted = self._reader.granted(manifest)
                pseudonym_key = read_key(self._pseudonym_key) if any(each.pseudonym_key for each in granted) else None
                self.policies[manifest.topic] = compile_policy(manifest, granted, writer, key, pseudonym_key)
                LOG.info("policy read", information_type=manifest.information_type, epoch=manifest.epoch, grants=len(granted))

    def epoch(self, topic: str) -> int:
        """0: none."""
        return self.policies[topic].epoch if topic in self.policies else 0

    def subjects_topic(self, topic: str) -> str | None:
        return self.listed[topic].announced.subjects_topic if topic in self.listed else None

    def lists_of(self, subjects_topic: str) -> Listed:
        return next(each for each in self.listed.values() if each.announced.subjects_topic == subjects_topic)
