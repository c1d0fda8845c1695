"""Entitle: one decision, for everything. Pure.

For every transition and every grant: was something of the record visible under the epoch of its old image, and is
something visible now? Visible = an image is there, the grant's row predicate is TRUE on it (NULL is not TRUE) and, if the
grant has a list, its subject is on it. What is delivered follows from the two answers and from whether a granted field
differs, by value:

    before    after                   delivered
    nothing   nothing                 nothing (withheld)
    nothing   something               c with `after`
    something nothing                 d with `before`: it left the entitlement or was deleted
    something equal                   nothing (unchanged: no field the subscriber may see moved)
    something different               u with both

*Equal* is judged as the subscriber sees it: a field that its grant treats differs if its treated values do.

Grants are never merged: rows and fields are judged inside one grant. Distinct predicates are evaluated once per batch,
and the fields that differ are found once for all grants.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gongyu_hub.engine.equality import changed_fields
from gongyu_hub.engine.predicates import evaluate
from gongyu_hub.engine.treatments import Memos, treated_differ
from gongyu_hub.policy.compiled import GrantView, TypePolicy
from gongyu_hub.values import Decision, Flags, Transitions, Words
from gongyu_schemas.errors import FatalError

_TRUE = 1
_WITHHELD, _UNCHANGED = 0, 1
_CREATE, _UPDATE, _DELETE = b"cud"

#: [something before, something after, a granted field differs] -> op delivered, or why none is.
TABLE = np.array(
    [
        [[_WITHHELD, _WITHHELD], [_CREATE, _CREATE]],
        [[_DELETE, _DELETE], [_UNCHANGED, _UPDATE]],
    ],
    np.uint8,
)


def entitle(transitions: Transitions, policy: TypePolicy) -> list[Decision]:
    """One decision per grant of the policy, in its order."""
    _require_one_epoch(transitions, policy)
    was, now = transitions.old_fields[:, 0] >= 0, transitions.new_fields[:, 0] >= 0
    old_true = [evaluate(p, transitions.old_buffer, transitions.old_fields) == _TRUE for p in policy.predicates]
    new_true = [evaluate(p, transitions.new_buffer, transitions.new_fields) == _TRUE for p in policy.predicates]
    changed = changed_fields(policy.layout, transitions.old_buffer, transitions.old_fields, transitions.new_buffer, transitions.new_fields)
    decisions: list[Decision] = []
    memos: Memos = {}
    for index, grant in enumerate(policy.grants):
        before, after = (was, now) if grant.predicate < 0 else (old_true[grant.predicate] & was, new_true[grant.predicate] & now)
        if grant.subject_list >= 0:
            before = before & _is_on(transitions.old_lists, grant.subject_list)
            after = after & _is_on(transitions.new_lists, grant.subject_list)
        differs = _differs(changed, grant)
        if grant.blurred:
            differs = _differs_blurred(transitions, grant, before & after & ~differs, differs, changed, memos)
        decisions.append(_decide(index, before, after, differs))
    return decisions


def _decide(grant: int, before: Flags, after: Flags, differs: Flags) -> Decision:
    outcomes = TABLE[before.view(np.uint8), after.view(np.uint8), differs.view(np.uint8)]
    rows = np.flatnonzero(outcomes > _UNCHANGED)
    withheld = int(np.count_nonzero(outcomes == _WITHHELD))
    return Decision(grant, rows, outcomes[rows], withheld, len(outcomes) - len(rows) - withheld)


def _is_on(lists: Words, number: int) -> Flags:
    if not len(lists):
        return np.zeros(0, np.bool_)
    return np.asarray(lists[:, number // 64] >> np.uint64(number % 64) & np.uint64(1) != 0, np.bool_)


def _differs(changed: npt.NDArray[np.uint64], grant: GrantView) -> Flags:
    return np.asarray((changed & grant.granted_bits).any(axis=1), np.bool_)


def _differs_blurred(
    transitions: Transitions, grant: GrantView, open_: Flags, differs: Flags, changed: npt.NDArray[np.uint64], memos: Memos
) -> Flags:
    """Of records seen before and after whose other fields are equal: does a field differ also as the grant shows it?"""
    for treated in grant.blurred:
        moved = changed[:, treated.index // 64] >> np.uint64(treated.index % 64) & np.uint64(1) != 0
        rows = np.flatnonzero(open_ & moved & ~differs)
        if len(rows):
            old, new = transitions.old_fields[rows], transitions.new_fields[rows]
            differs[rows] = treated_differ(treated, transitions.old_buffer, old, transitions.new_buffer, new, memos)
    return differs


def _require_one_epoch(transitions: Transitions, policy: TypePolicy) -> None:
    """An image decided under another epoch would need that epoch's views as *before*: never guess them."""
    other = (transitions.then != 0) & (transitions.then != policy.epoch)
    if other.any():
        epoch = int(transitions.then[other][0])
        raise FatalError(f"{policy.manifest.information_type}: an image was decided under epoch {epoch}, in effect is {policy.epoch}")
