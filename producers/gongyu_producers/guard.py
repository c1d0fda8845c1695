"""The delete guard: a snapshot that would delete more than expected is probably not the whole register.

Checked on the counts of the whole run, before anything is published.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from gongyu_schemas.errors import ConfigError

_LIMIT = re.compile(r"([0-9]{1,9})(\.[0-9]{1,6})?(%?)")


class GuardStopped(ConfigError):
    """More deletes than allowed; nothing was published."""


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """At most `share` of the published records, or at most `count` records."""

    text: str
    share: Fraction | None = None
    count: int = 0

    def allows(self, deletes: int, published: int) -> bool:
        return deletes <= (self.count if self.share is None else self.share * published)


def read_limit(text: str) -> DeleteLimit:
    """`20%` or `500`. Raises ConfigError."""
    found = _LIMIT.fullmatch(text)
    if found is None or (found[2] and not found[3]):
        raise ConfigError(f"--max-deletes {text!r}: give a share like 20% or a number of records like 500")
    if not found[3]:
        return DeleteLimit(text, count=int(found[1]))
    share = Fraction(found[1] + (found[2] or "")) / 100
    if share > 1:
        raise ConfigError(f"--max-deletes {text!r}: more than 100% cannot be deleted")
    return DeleteLimit(text, share=share)


def check_deletes(deletes: int, published: int, limit: DeleteLimit) -> None:
    """Raises GuardStopped where the limit is passed."""
    if not limit.allows(deletes, published):
        raise GuardStopped(
            f"{deletes:,} of {published:,} published records ({deletes / published:.1%}) are not in the file and would be deleted, "
            f"more than --max-deletes {limit.text}; nothing was published. Is the file the whole register? "
            "--dry-run shows the keys; if the deletes are meant, run again with --allow-deletes"
        )
