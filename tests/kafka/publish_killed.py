"""`gongyu-owner publish`, killed at one of its weak points: `python killed_publish.py POINT CALL ARGUMENT...`.

POINT `before-commit`, `after-commit` (committed, the state not yet saved) or `after-save`; CALL: the how-manieth transaction.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from gongyu_producers import cli, send
from gongyu_producers.send import Sender
from gongyu_producers.state import State


def kill_at(owner: type[Any], name: str, call: int, *, before: bool) -> None:
    numbers = itertools.count(1)
    original: Callable[..., Any] = getattr(owner, name)

    def replaced(*arguments: Any, **named: Any) -> Any:
        mine = next(numbers) == call
        if mine and before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, replaced)


def main() -> None:
    point, call = sys.argv[1], int(sys.argv[2])
    if point == "before-commit":
        kill_at(send.TransactionalProducer, "commit", call, before=True)
    elif point == "after-commit":
        kill_at(Sender, "_take_over", call, before=True)
    else:
        kill_at(State, "apply", call, before=False)
    sys.argv = ["gongyu-owner", "publish", *sys.argv[3:]]
    cli.main()


if __name__ == "__main__":
    main()
