"""How long to wait before trying again: longer each time, up to a limit, never the same for two receivers.

Pure: the clock and chance are the caller's. Receivers that lost one broker together must not come back together, so a pause is
drawn between half and the whole of its limit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

#: Below this many doublings every limit is reached.
_DOUBLINGS_MAX = 16


@dataclass(frozen=True, slots=True)
class Pauses:
    """The first pause and the longest, in seconds."""

    first_s: float
    longest_s: float

    def after(self, failures: int, chance: random.Random) -> float:
        """The pause behind this many failures in a row, the first being 1."""
        limit = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, _DOUBLINGS_MAX))
        return limit * (0.5 + chance.random() / 2)


#: A broker, registry or database that is away.
OUTAGE = Pauses(1.0, 60.0)
#: Credentials that are refused: a person mends that, and asking often looks like guessing passwords.
REFUSED = Pauses(10.0, 600.0)
