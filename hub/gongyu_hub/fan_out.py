"""Fan out: decisions become messages, each the concatenation of permitted byte ranges. Pure.

Enters the transitions and one decision per grant; leaves Deliveries for the grants that get something. A delivery's bytes are the
grant's wire header, the granted fields of the images as the owner wrote them or as the grant treats them, and the source of the change.
Order: a grant's deliveries stand in input order.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gongyu_hub.engine.keys import join_fields
from gongyu_hub.engine.projection import build_deliveries
from gongyu_hub.engine.treatments import Memos, Shown, treat_views
from gongyu_hub.policy.compiled import GrantView, TypePolicy
from gongyu_hub.values import Bytes, Decision, Deliveries, Flags, Ints, Transitions
from gongyu_schemas.envelope import LEFT

_LEFT = LEFT.encode()
_UPDATE, _DELETE = b"ud"


def fan_out(transitions: Transitions, decisions: list[Decision], policy: TypePolicy) -> list[Deliveries]:
    keys: dict[bytes, list[bytes]] = {}
    memos: Memos = {}
    deliveries = []
    for decision in decisions:
        if not len(decision.rows):
            continue
        grant = policy.grants[decision.grant]
        if grant.shown is not None:
            deliveries.append(_deliver_treated(transitions, decision, grant, grant.shown, memos))
            continue
        if grant.key_header not in keys:
            keys[grant.key_header] = [grant.key_header + key for key in transitions.record_keys]
        deliveries.append(_deliver(transitions, transitions.new_buffer, decision, grant, grant.granted, keys[grant.key_header]))
    return deliveries


def _deliver_treated(transitions: Transitions, decision: Decision, grant: GrantView, shown: Shown, memos: Memos) -> Deliveries:
    """The views of the delivered rows are made first, treated fields in place of the owner's: images of which every field is shown."""
    rows, ops = decision.rows, decision.ops
    shows_old, shows_new = (ops == _UPDATE) | (ops == _DELETE), ops != _DELETE
    old_buffer, old_fields = treat_views(shown, transitions.old_buffer, _only(transitions.old_fields[rows], shows_old), memos)
    new_buffer, new_fields = treat_views(shown, transitions.new_buffer, _only(transitions.new_fields[rows], shows_new), memos)
    keys = [transitions.record_keys[row] for row in rows.tolist()]
    if grant.key_places is not None:
        left = _split(*join_fields(old_buffer, _only(old_fields, ~shows_new), grant.key_places))
        now = _split(*join_fields(new_buffer, new_fields, grant.key_places))
        keys = [one or other for one, other in zip(now, left, strict=True)]
    views = Transitions(
        partitions=transitions.partitions[rows],
        offsets=transitions.offsets[rows],
        ts_ms=transitions.ts_ms[rows],
        record_keys=keys,
        old_buffer=old_buffer,
        old_fields=old_fields,
        new_buffer=new_buffer,
        new_fields=new_fields,
        act=transitions.act[rows],
        then=transitions.then[rows],
    )
    every = replace(decision, rows=np.arange(len(rows)))
    return _deliver(views, transitions.new_buffer, every, grant, np.arange(len(grant.granted)), [grant.key_header + key for key in keys])


def _deliver(
    transitions: Transitions, acts: Bytes, decision: Decision, grant: GrantView, granted: npt.ArrayLike, keys: list[bytes]
) -> Deliveries:
    """`granted`: indexes of the fields shown; `acts`: the buffer of `transitions.act`; `keys`: of all transitions."""
    rows = decision.rows
    out, starts = build_deliveries(
        rows,
        decision.ops,
        grant.view_header,
        granted,
        transitions.old_buffer,
        transitions.old_fields,
        transitions.new_buffer,
        transitions.new_fields,
        transitions.ts_ms,
        transitions.partitions,
        transitions.offsets,
        acts,
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


def _only(fields: Ints, these: Flags) -> Ints:
    """The images of some rows; the others are absent."""
    return np.where(these[:, None], fields, -1)


def _split(joined: Bytes, starts: Ints) -> list[bytes]:
    content = joined.tobytes()
    return [content[start:end] for start, end in pairwise(starts.tolist())]
