"""Fan out: decisions become messages, each the concatenation of permitted byte ranges. Pure.

Enters the transitions and one decision per grant; leaves Deliveries for the grants that get something. A delivery's bytes are the
grant's wire header, the granted fields of the images as the owner wrote them, and the source of the change.
Also makes a copy's markers. Order: a grant's deliveries stand in input order.
"""

from __future__ import annotations

from io import BytesIO

import fastavro
import numpy as np

from gongyu_hub.engine.projection import build_deliveries
from gongyu_hub.policy.compiled import GrantView, TypePolicy
from gongyu_hub.values import Decision, Deliveries, Transitions
from gongyu_schemas.envelope import LEFT, MARKER, marker_schema

_LEFT = LEFT.encode()
_MARKER_SCHEMA = fastavro.parse_schema(marker_schema())


def fan_out(transitions: Transitions, decisions: list[Decision], policy: TypePolicy) -> list[Deliveries]:
    keys: dict[bytes, list[bytes]] = {}
    deliveries = []
    for decision in decisions:
        if not len(decision.rows):
            continue
        grant = policy.grants[decision.grant]
        if grant.key_header not in keys:
            keys[grant.key_header] = [grant.key_header + key for key in transitions.record_keys]
        deliveries.append(_deliver(transitions, decision, grant, keys[grant.key_header]))
    return deliveries


def _deliver(transitions: Transitions, decision: Decision, grant: GrantView, keys: list[bytes]) -> Deliveries:
    rows = decision.rows
    out, starts = build_deliveries(
        rows,
        decision.ops,
        grant.view_header,
        grant.granted,
        transitions.old_buffer,
        transitions.old_fields,
        transitions.new_buffer,
        transitions.new_fields,
        transitions.ts_ms,
        transitions.partitions,
        transitions.offsets,
        transitions.new_buffer,
        transitions.act,
        _LEFT,
    )
    return Deliveries(
        grant=decision.grant,
        content=out.tobytes(),
        starts=starts.tolist(),
        keys=[keys[row] for row in rows.tolist()],
        partitions=np.mod(transitions.partitions[rows], grant.partitions).tolist(),
        ops=decision.ops,
    )


def make_marker(grant: GrantView, phase: str, partition: int, cursor: int, ts_ms: int) -> bytes:
    """A copy's begin or end marker: scoped to the owner topic's partition. `cursor`: the owner offset to be read next."""
    body = BytesIO()
    fastavro.schemaless_writer(
        body,
        _MARKER_SCHEMA,
        {
            "op": MARKER,
            "ts_ms": ts_ms,
            "source": {"partition": partition, "offset": cursor},
            "copy": {"phase": phase, "number": grant.copy_number, "partition": partition},
        },
    )
    return grant.view_header.tobytes() + body.getvalue()
