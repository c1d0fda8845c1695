"""The database's side of a policy: which types and grants are known, which epochs are decided.

An epoch is decided by writing its manifest and its grant versions into the database in one transaction; from then on its bytes
never change. Publishing and marking it published follow, as often as it takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gongyu_hub.policy.records import GrantVersion, Manifest, ManifestEntry, TypeRecord, epoch_key, grant_key
from gongyu_hub.registry import schemas, subject_lists
from gongyu_hub.registry.changes import content, definition, grant_changes, type_changes
from gongyu_hub.registry.ends import GrantName, ended_grants
from gongyu_hub.registry.policy_check import Grant, Policy
from gongyu_hub.registry.tables import EpochRow, GrantVersionRow, KnownGrant, KnownType, ListedType
from gongyu_schemas import names
from gongyu_schemas.envelope import ViewTerms, owner_envelope, record_key_schema, subject_key_schema, view_envelope
from gongyu_schemas.information_type import InformationType

FIRST_EPOCH = 1
FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class PendingChange:
    """What differs in a type without an epoch; `topic`: its owner's topic as it was made, under the former owner's name.

    `listed`: it has subject lists, announced to the workers with its key and that topic.
    """

    topic: str
    differences: list[str]
    listed: bool


def types_in_force(session: Session) -> frozenset[str]:
    """Types with an epoch, whether or not it is on Kafka already."""
    return frozenset(session.scalars(select(EpochRow.information_type)))


def newest_epochs(session: Session) -> dict[str, int]:
    """Of each type in force."""
    newest = select(EpochRow.information_type, func.max(EpochRow.epoch)).group_by(EpochRow.information_type)
    return {row[0]: row[1] for row in session.execute(newest.order_by(EpochRow.information_type))}


def known_grants(session: Session) -> dict[GrantName, GrantVersion]:
    """Those in force, and those that have ended."""
    rows = session.scalars(select(GrantVersionRow))
    return {(row.subscriber, row.grant): GrantVersion.model_validate_json(row.record) for row in rows}


def changes_in_force(session: Session, types: Mapping[str, InformationType], policy: Policy) -> list[str]:
    """Every difference to what is in force; adding types, and grants of types without an epoch, is none.

    A grant that has ended may stay in the policy or go; it is in force no more, whatever the policy says of it.
    """
    found: list[str] = []
    ended = ended_grants(session)
    in_force = {name: version for name, version in known_grants(session).items() if name not in ended}
    for name in sorted(types_in_force(session)):
        known, now = session.get_one(KnownType, name), types.get(name)
        if now is None:
            found.append(f"type {name}: its folder is gone (owner {known.owner})")
            continue
        found += type_changes(name, known.definition, definition(now))
        old = {key: version for key, version in in_force.items() if version.information_type == name}
        wanted = {(grant.subscriber, grant.name): grant for grant in policy.grants_of(name)}
        found += grant_changes(old, {key: grant for key, grant in wanted.items() if key not in ended})
    for grant in policy.grants:
        was = ended.get((grant.subscriber, grant.name))
        if was is not None and was.information_type != grant.information_type:
            what = f"a grant of this name on {was.information_type} has ended: use another name"
            found.append(f"grant {grant.subscriber}/{grant.name}: {what}")
    return found


def changed_without_epoch(session: Session, types: Mapping[str, InformationType]) -> dict[str, PendingChange]:
    """Known types without an epoch whose definition is another now."""
    in_force = types_in_force(session)
    rows = [row for row in session.scalars(select(KnownType)) if row.name in types and row.name not in in_force]
    listed = set(session.scalars(select(ListedType.information_type)))
    found = {
        row.name: PendingChange(row.topic, type_changes(row.name, row.definition, definition(types[row.name])), row.name in listed)
        for row in rows
    }
    return {name: change for name, change in found.items() if change.differences}


def know_type(session: Session, information_type: InformationType) -> None:
    """Register the owner topic's schemas and note the type."""
    topic = names.owner_topic(information_type.owner, information_type.name)
    schemas.register_schema(session, names.key_subject(topic), subject_key_schema(information_type))
    schemas.register_schema(session, names.value_subject(topic), owner_envelope(information_type))
    session.merge(
        KnownType(
            name=information_type.name,
            owner=information_type.owner,
            topic=topic,
            partitions=information_type.partitions,
            definition=definition(information_type),
        )
    )


def _register_views(session: Session, information_type: InformationType, grant: Grant, writer_id: int) -> tuple[int, dict[str, int]]:
    """(key schema id, writer schema id -> view schema id) of a grant's first version."""
    topic = names.grant_topic(grant.subscriber, grant.name)
    terms = content(grant)
    key_id = schemas.register_schema(session, names.key_subject(topic), record_key_schema(information_type, terms["treatments"]))
    view = view_envelope(
        information_type,
        ViewTerms(
            subscriber=grant.subscriber,
            grant=grant.name,
            version=FIRST_VERSION,
            fields=grant.fields,
            purpose=terms["purpose"],
            legal_basis=terms["legal_basis"],
            rows=terms["rows"],
            valid_from=terms["valid_from"],
            valid_to=terms["valid_to"],
            treatments=terms["treatments"],
        ),
    )
    view_id = schemas.register_schema(session, names.value_subject(topic), view)
    return key_id, {str(writer_id): view_id}


def decide_first_epoch(
    session: Session,
    information_type: InformationType,
    grants: tuple[Grant, ...],
    partitions: Mapping[str, int],
    key_check: str,
    now_ms: int,
) -> None:
    """Freeze epoch 1 of a type. `partitions` are the grant topics' as Kafka has them, `key_check` the pseudonym key's."""
    name, topic = information_type.name, names.owner_topic(information_type.owner, information_type.name)
    writer_id = schemas.register_schema(session, names.value_subject(topic), owner_envelope(information_type))
    for grant in grants:
        who = {"subscriber": grant.subscriber, "information_type": name}
        grant_topic = names.grant_topic(grant.subscriber, grant.name)
        key_id, view_ids = _register_views(session, information_type, grant, writer_id)
        version = GrantVersion(
            subscriber=grant.subscriber,
            grant=grant.name,
            version=FIRST_VERSION,
            **content(grant),
            topic=grant_topic,
            partitions=partitions[grant_topic],
            pseudonym_key=key_check if any(each.pseudonymise is not None for each in grant.treatments.values()) else None,
            key_schema_id=key_id,
            view_schema_ids=view_ids,
        )
        session.add(KnownGrant(**who, name=grant.name, topic=grant_topic, partitions=version.partitions))
        session.flush()
        if grant.subject_list is not None:
            subject_lists.find_or_make(session, subject_lists.ListKey(grant.subscriber, name, grant.subject_list))
        session.add(GrantVersionRow(**who, grant=grant.name, version=FIRST_VERSION, record=version.encode()))
    entries = tuple(ManifestEntry(subscriber=grant.subscriber, grant=grant.name, version=FIRST_VERSION) for grant in grants)
    manifest = Manifest(
        information_type=name,
        epoch=FIRST_EPOCH,
        published_ms=now_ms,
        owner=information_type.owner,
        topic=topic,
        state_topic=names.state_topic(name),
        partitions=information_type.partitions,
        key_fields=information_type.key,
        subject_fields=information_type.subject,
        version_field=information_type.version,
        subject_key_schema_id=schemas.register_schema(session, names.key_subject(topic), subject_key_schema(information_type)),
        writer_schema_ids=(writer_id,),
        grants=entries,
    )
    session.add(EpochRow(information_type=name, epoch=FIRST_EPOCH, record=manifest.encode()))


@dataclass(frozen=True, slots=True)
class Decided:
    """A record of `hub.policy` as it was decided; `waits_for`: of an epoch to be published, the type and the (subscriber, name) of lists
    that it uses otherwise than what is in effect.
    """

    key: bytes
    value: bytes
    published: bool
    waits_for: tuple[str, tuple[tuple[str, str], ...]] | None = None


def decided_records(session: Session) -> list[Decided]:
    """In the order of writing: what has lists, then grant versions, then the manifests that name them."""
    waiting = {each.key: each for each in unpublished_records(session)}
    announced = session.scalars(select(ListedType).order_by(ListedType.information_type))
    versions = session.scalars(select(GrantVersionRow).order_by(GrantVersionRow.subscriber, GrantVersionRow.grant))
    epochs = session.scalars(select(EpochRow).order_by(EpochRow.information_type, EpochRow.epoch))
    records = [Decided(TypeRecord.model_validate_json(row.record).key(), row.record, row.published) for row in announced]
    records += [Decided(grant_key(row.subscriber, row.grant, row.version), row.record, row.published) for row in versions]
    records += [Decided(epoch_key(row.information_type, row.epoch), row.record, row.published) for row in epochs]
    return [waiting.get(each.key, each) for each in records]


def unpublished_records(session: Session) -> list[Decided]:
    """Those of `decided_records` that Kafka is not known to have, without reading all that was ever decided."""
    waiting = select(ListedType).where(ListedType.published.is_(False)).order_by(ListedType.information_type)
    records = [Decided(TypeRecord.model_validate_json(row.record).key(), row.record, False) for row in session.scalars(waiting)]
    versions = select(GrantVersionRow).where(GrantVersionRow.published.is_(False))
    rows = session.scalars(versions.order_by(GrantVersionRow.subscriber, GrantVersionRow.grant))
    records += [Decided(grant_key(row.subscriber, row.grant, row.version), row.record, False) for row in rows]
    epochs = select(EpochRow).where(EpochRow.published.is_(False)).order_by(EpochRow.information_type, EpochRow.epoch)
    for row in session.scalars(epochs):
        manifest = Manifest.model_validate_json(row.record)
        before = _published_before(session, manifest)
        used = () if before is not None and manifest.follows(before) else _lists_of(session, manifest)
        records.append(Decided(manifest.key(), row.record, False, (manifest.information_type, used) if used else None))
    return records


def _published_before(session: Session, manifest: Manifest) -> Manifest | None:
    of = (EpochRow.information_type == manifest.information_type, EpochRow.epoch < manifest.epoch, EpochRow.published)
    record = session.scalar(select(EpochRow.record).where(*of).order_by(EpochRow.epoch.desc()).limit(1))
    return None if record is None else Manifest.model_validate_json(record)


def _lists_of(session: Session, manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """(Subscriber, name) of the lists that its active grants use."""
    rows = session.scalars(select(GrantVersionRow.record).where(GrantVersionRow.information_type == manifest.information_type))
    versions = {version.key(): version for version in map(GrantVersion.model_validate_json, rows)}
    named = (versions[grant_key(entry.subscriber, entry.grant, entry.version)] for entry in manifest.active())
    return tuple(sorted({(each.subscriber, each.subject_list) for each in named if each.subject_list is not None}))


def last_published_ms(session: Session) -> int:
    """When the newest epoch that Kafka has was decided; 0 where there is none."""
    records = session.scalars(select(EpochRow.record).where(EpochRow.published))
    return max((Manifest.model_validate_json(record).published_ms for record in records), default=0)


def mark_published(session: Session, keys: Collection[bytes]) -> None:
    """Of records that Kafka has."""
    for announced in session.scalars(select(ListedType).where(ListedType.published.is_(False))):
        announced.published = TypeRecord.model_validate_json(announced.record).key() in keys
    for version in session.scalars(select(GrantVersionRow).where(GrantVersionRow.published.is_(False))):
        version.published = grant_key(version.subscriber, version.grant, version.version) in keys
    for epoch in session.scalars(select(EpochRow).where(EpochRow.published.is_(False))):
        epoch.published = Manifest.model_validate_json(epoch.record).key() in keys
