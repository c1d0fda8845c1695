"""A control plane that lives at another time: `python serve_elsewhen.py FILE serve ARGUMENT...`.

As `gongyu-hub serve`, whose clock and Kafka's are so many seconds ahead of the true ones as FILE says, at any time: two numbers.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

from gongyu_hub import cli
from gongyu_hub.gateway import command
from gongyu_hub.registry.clock import BrokerClock


def main() -> None:
    ahead = Path(sys.argv[1])
    sys.argv = ["gongyu-hub", *sys.argv[2:]]
    asked = BrokerClock.__call__

    def ahead_ms(which: int) -> int:
        return int(float(ahead.read_text(encoding="utf-8").split()[which]) * 1000)

    def now_ms() -> int:
        return time.time_ns() // 1_000_000 + ahead_ms(0)

    def today() -> date:
        return datetime.fromtimestamp(now_ms() / 1000, UTC).date()

    def broker_ms(self: BrokerClock) -> int:
        return asked(self) + ahead_ms(1)

    command._now_ms, command._today = now_ms, today
    BrokerClock.__call__ = broker_ms  # type: ignore[method-assign]  # the one place where Kafka is asked
    cli.main()


if __name__ == "__main__":
    main()
