"""A control plane that dies by kill -9 in the middle of the first end of a grant: `python stop_killed.py POINT serve ARGUMENT...`.

POINT `before-right` (it is decided), `after-right` (the read right is gone, the epoch not published), `after-publishing`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence

from gongyu_hub import cli
from gongyu_hub.registry import control
from gongyu_hub.registry.kafka_admin import KafkaAdmin, Right
from gongyu_hub.registry.policy_topic import PolicyWriter


def main() -> None:
    point = sys.argv[1]
    sys.argv = ["gongyu-hub", *sys.argv[2:]]

    def reach(here: str) -> None:
        if point == here:
            os.kill(os.getpid(), signal.SIGKILL)

    disallow: Callable[[KafkaAdmin, Iterable[Right]], None] = KafkaAdmin.disallow
    publish: Callable[[PolicyWriter, Sequence[tuple[bytes, bytes]]], None] = PolicyWriter.publish
    ready: list[bool] = []

    def take_rights(self: KafkaAdmin, rights: Iterable[Right]) -> None:
        some = list(rights)
        if ready and some:
            reach("before-right")
        disallow(self, some)
        if ready and some:
            reach("after-right")

    def put(self: PolicyWriter, records: Sequence[tuple[bytes, bytes]]) -> None:
        publish(self, records)
        if ready:
            reach("after-publishing")

    stop = control.Control.stop

    def begin(self: control.Control, who: str, subscriber: str, grant: str, reason: str) -> control.ends.EndedGrant:
        ready.append(True)
        return stop(self, who, subscriber, grant, reason)

    KafkaAdmin.disallow = take_rights  # type: ignore[method-assign]  # only in this process
    PolicyWriter.publish = put  # type: ignore[method-assign]  # only in this process
    control.Control.stop = begin  # type: ignore[method-assign]  # only in this process
    cli.main()


if __name__ == "__main__":
    main()
