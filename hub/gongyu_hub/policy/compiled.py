"""A manifest made ready to decide by: the type's layouts and, per grant, the predicate, the granted fields and the headers.

Enters a manifest, its grant versions and the writer schema; leaves a frozen `TypePolicy`. Raises FatalError where they
do not fit each other: the control plane has checked all of it, so a misfit must not be decided by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gongyu_hub.engine.layout import Layout, LayoutError, compile_layout
from gongyu_hub.engine.predicates import Predicate, compile_predicate
from gongyu_hub.engine.treatments import How, Shown, Treated, show
from gongyu_hub.policy.compiled_treatments import compile_treatments
from gongyu_hub.policy.pseudonyms import PseudonymKey
from gongyu_hub.policy.records import GrantVersion, Manifest, TypeRecord
from gongyu_hub.policy.rows import RowsError, parse_rows, type_rows
from gongyu_schemas import wire
from gongyu_schemas.errors import FatalError
from gongyu_schemas.fields import Field, Schema
from gongyu_schemas.granted import shown_fields
from gongyu_schemas.subject_lists import list_name


@dataclass(frozen=True, slots=True)
class GrantView:
    """One grant as the stages use it. `predicate` indexes TypePolicy.predicates, -1 = all rows; so does `subject_list` its lists.

    `shown` is None where nothing is treated. Whether a view differs is told by the fields of `granted_bits` and, where different values
    may become equal, by `blurred` fields after their treatment.
    """

    subscriber: str
    grant: str
    version: int
    topic: str
    partitions: int
    copy_number: int
    view_header: npt.NDArray[np.uint8]  # [5] wire header of its messages
    key_header: bytes
    granted: npt.NDArray[np.int32]  # fields in view order: the granted leaves, and the nullable records around them
    granted_bits: npt.NDArray[np.uint64]  # [ceil(F / 64)] of fields that differ as shown exactly if they differ
    predicate: int
    shown: Shown | None = None
    blurred: tuple[Treated, ...] = ()
    key_places: npt.NDArray[np.int32] | None = None  # where a key field is treated: the key fields' indexes in the view
    subject_list: int = -1


@dataclass(frozen=True, slots=True)
class TypePolicy:
    """One epoch of one information type, compiled."""

    manifest: Manifest
    writer_schema_id: int
    layout: Layout
    key_layout: Layout
    key_fields: npt.NDArray[np.int32]
    subject_fields: npt.NDArray[np.int32]
    subject_is_key: bool
    version_field: int  # -1 = none
    predicates: tuple[Predicate, ...]
    grants: tuple[GrantView, ...]
    lists: tuple[str, ...] = ()  # names of the subject lists that grants use

    @property
    def epoch(self) -> int:
        return self.manifest.epoch


@dataclass(frozen=True, slots=True)
class Listed:
    """An information type's subject lists, ready to be read."""

    announced: TypeRecord
    key_layout: Layout


def compile_listed(announced: TypeRecord, subject_key_schema: Schema) -> Listed:
    try:
        return Listed(announced, compile_layout(_enveloped(subject_key_schema)))
    except LayoutError as error:
        raise FatalError(f"{announced.information_type}: the key of its subject lists: {error}") from error


def compile_policy(
    manifest: Manifest,
    versions: tuple[GrantVersion, ...],
    writer_schema: Schema,
    subject_key_schema: Schema,
    pseudonym_key: PseudonymKey | None = None,
) -> TypePolicy:
    """`versions`: of its active grants; what has ended is not there. `writer_schema`: the owner topic's envelope; `subject_key_schema`: its
    key record; the key is needed where grants use it.
    """
    if len(manifest.writer_schema_ids) != 1:
        raise FatalError(f"{manifest.information_type}: this version decides by one writer schema, the manifest names several")
    try:
        layout = compile_layout(writer_schema)
        key_layout = compile_layout(_enveloped(subject_key_schema))
        texts = sorted({version.rows for version in versions if version.rows is not None})
        predicates = tuple(compile_predicate(type_rows(parse_rows(text), layout.fields), layout) for text in texts)
    except (LayoutError, RowsError) as error:
        raise FatalError(f"{manifest.information_type}, epoch {manifest.epoch}: {error}") from error
    places = {field.name: index for index, field in enumerate(layout.fields)}
    writer = manifest.writer_schema_ids[0]
    treated = [compile_treatments(version, layout.fields, manifest.key_fields, pseudonym_key) for version in versions]
    lists = tuple(sorted({list_name(each.subscriber, each.subject_list) for each in versions if each.subject_list is not None}))
    grants = tuple(
        _treat(_compile_grant(version, entry.copy_number, writer, layout.fields, texts, lists), of_grant, manifest.key_fields, places)
        for version, entry, of_grant in zip(versions, manifest.active(), treated, strict=True)
    )
    return TypePolicy(
        manifest=manifest,
        writer_schema_id=writer,
        layout=layout,
        key_layout=key_layout,
        key_fields=_indexes(manifest.key_fields, places),
        subject_fields=_indexes(manifest.subject_fields, places),
        subject_is_key=manifest.key_fields == manifest.subject_fields,
        version_field=-1 if manifest.version_field is None else places[manifest.version_field],
        predicates=predicates,
        grants=grants,
        lists=lists,
    )


def end_grants(policy: TypePolicy, manifest: Manifest) -> TypePolicy:
    """The policy of an epoch that follows a compiled one: what is still active stays as it is, and nothing is compiled anew."""
    active = {(entry.subscriber, entry.grant) for entry in manifest.active()}
    grants = [grant for grant in policy.grants if (grant.subscriber, grant.grant) in active]
    used = sorted({grant.predicate for grant in grants if grant.predicate >= 0})
    places = {-1: -1, **{old: new for new, old in enumerate(used)}}
    return replace(
        policy,
        manifest=manifest,
        predicates=tuple(policy.predicates[index] for index in used),
        grants=tuple(replace(grant, predicate=places[grant.predicate]) for grant in grants),
    )


def _compile_grant(
    version: GrantVersion, copy_number: int, writer: int, fields: tuple[Field, ...], texts: list[str], lists: tuple[str, ...]
) -> GrantView:
    view_id = version.view_schema_ids.get(str(writer))
    leaves = {field.name for field in fields if field.is_leaf}
    unknown = [name for name in version.fields if name not in leaves]
    if view_id is None or unknown:
        raise FatalError(f"{version.subscriber}/{version.grant}: no view for writer schema {writer}, or unknown fields {unknown}")
    granted = np.array(shown_fields(version.fields, fields), np.int32)
    return GrantView(
        subscriber=version.subscriber,
        grant=version.grant,
        version=version.version,
        topic=version.topic,
        partitions=version.partitions,
        copy_number=copy_number,
        view_header=np.frombuffer(wire.header(view_id), np.uint8),
        key_header=wire.header(version.key_schema_id),
        granted=granted,
        granted_bits=_bits(granted.tolist(), len(fields)),
        predicate=-1 if version.rows is None else texts.index(version.rows),
        subject_list=-1 if version.subject_list is None else lists.index(list_name(version.subscriber, version.subject_list)),
    )


def _treat(grant: GrantView, treated: Mapping[int, Treated], key_fields: tuple[str, ...], places: dict[str, int]) -> GrantView:
    """Constants never differ, pseudonyms differ exactly if their values do, and of the others it is seen when they are treated."""
    if not treated:
        return grant
    granted, keys = grant.granted.tolist(), [places[name] for name in key_fields]
    plain = [index for index in granted if index not in treated or treated[index].how is How.PSEUDONYM]
    return replace(
        grant,
        granted_bits=_bits(plain, len(places)),
        shown=show(granted, dict(treated)),
        blurred=tuple(each for each in treated.values() if each.blurs),
        key_places=np.array([granted.index(key) for key in keys], np.int32) if any(key in treated for key in keys) else None,
    )


def _bits(indexes: list[int], fields: int) -> npt.NDArray[np.uint64]:
    bits = np.zeros((fields + 63) // 64, np.uint64)
    for index in indexes:
        bits[index // 64] |= np.uint64(1 << (index % 64))
    return bits


def _indexes(names: tuple[str, ...], places: dict[str, int]) -> npt.NDArray[np.int32]:
    return np.array([places[name] for name in names], np.int32)


def _enveloped(key_schema: Schema) -> Schema:
    """A key record in an envelope: layouts are made of envelopes."""
    return {
        "type": "record",
        "name": "KeyEnvelope",
        "fields": [
            {"name": "before", "type": ["null", key_schema]},
            {"name": "after", "type": ["null", f"{key_schema['namespace']}.{key_schema['name']}"]},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": "long"},
        ],
    }
