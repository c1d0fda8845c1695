"""The lowest and highest stored number of each kind of field that is an int or a long.

Encoded values must be ones that every reader can hold: dates and timestamps in the years 1 to 9999, times within a day. Avro
itself would let more through, and a subscriber's reader in another language would fail on it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from gongyu_schemas.fields import Kind

INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MICROS = 86_400_000_000
_FIRST_MICRO = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST_MICRO = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_MICROS = (_FIRST_MICRO, _LAST_MICRO)
_MILLIS = (_FIRST_MICRO // 1000, _LAST_MICRO // 1000)

RANGES: Mapping[Kind, tuple[int, int]] = {
    Kind.INT: INT,
    Kind.LONG: LONG,
    Kind.DATE: ((date.min - _EPOCH.date()).days, (date.max - _EPOCH.date()).days),
    Kind.TIME_MILLIS: (0, _DAY_MICROS // 1000 - 1),
    Kind.TIME_MICROS: (0, _DAY_MICROS - 1),
    Kind.TIMESTAMP_MILLIS: _MILLIS,
    Kind.TIMESTAMP_MICROS: _MICROS,
    Kind.LOCAL_TIMESTAMP_MILLIS: _MILLIS,
    Kind.LOCAL_TIMESTAMP_MICROS: _MICROS,
}
