"""Compile every kernel of the engine, or load it from the cache, before the first message.

Nothing enters or leaves; afterwards no call of the engine stops to compile. Takes seconds once per machine and
version, later a part of a second.
"""

import numpy as np

from gongyu_hub.engine.equality import changed_fields
from gongyu_hub.engine.images import locate, locate_images
from gongyu_hub.engine.keys import integer_field, join_fields, murmur2_partitions, same_ranges
from gongyu_hub.engine.layout import compile_layout
from gongyu_hub.engine.predicates import compile_predicate, evaluate
from gongyu_hub.engine.projection import build_deliveries
from gongyu_hub.engine.treatments import How, Treated, show, treat_views, treated_differ
from gongyu_hub.policy.row_types import type_rows
from gongyu_hub.policy.rows import parse_rows

_RECORD = {"type": "record", "name": "Record", "fields": [{"name": "number", "type": "long"}]}
_ENVELOPE = {
    "type": "record",
    "name": "Change",
    "fields": [{"name": "after", "type": ["null", _RECORD]}, {"name": "op", "type": "string"}, {"name": "ts_ms", "type": "long"}],
}
_MESSAGE = b"\x02\x02\x02c\x02"  # after {number 1}, op "c", ts_ms 1


def warm() -> None:
    """Runs every kernel once on one message."""
    layout = compile_layout(_ENVELOPE)
    found = locate(layout, _MESSAGE, [0, len(_MESSAGE)])
    locate_images(layout, _MESSAGE[1:2], [0, 1])
    changed_fields(layout, _MESSAGE, found.fields, _MESSAGE, found.fields)
    keys, starts = join_fields(_MESSAGE, found.fields, [0])
    murmur2_partitions(keys, starts, 1)
    same_ranges(keys, starts, keys, starts)
    integer_field(layout, 0, _MESSAGE, found.fields)
    evaluate(compile_predicate(type_rows(parse_rows("number = 1"), layout.fields), layout), _MESSAGE, found.fields)
    zeros = np.zeros(1, dtype=np.int64)
    build_deliveries(
        zeros, found.op, bytes(5), [0], _MESSAGE, found.fields, _MESSAGE, found.fields, found.ts_ms, zeros, zeros, _MESSAGE, found.act
    )
    blurred = Treated(How.RANGE, 0, -1, 10)
    treat_views(show([0], {0: blurred}), _MESSAGE, found.fields, {})
    treated_differ(blurred, _MESSAGE, found.fields, _MESSAGE, found.fields, {})
