"""Open files of many stores: each holds three, and the usual limit of 1,024 would end a worker at 330 partitions.

The system sets two limits: the one in force, and how far a process may raise it by itself. Raised as far as any worker needs.
"""

from __future__ import annotations

import resource

#: Of some 20,000 partitions.
_ENOUGH = 65_536


def allow_many_files() -> None:
    """Never lowers the limit; where the system allows no more, stores beyond it cannot be opened."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if most == resource.RLIM_INFINITY else min(_ENOUGH, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
