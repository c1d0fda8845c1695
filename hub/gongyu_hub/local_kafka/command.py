"""`gongyu-hub kafka`: embedded Kafka in the foreground, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from gongyu_hub.local_kafka.broker import LocalKafka
from gongyu_hub.local_kafka.ports import LOOPBACK
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import KafkaUnavailable, reported

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def kafka(
    directory: Annotated[Path, typer.Option("--dir", help="Directory of this hub; Kafka's data, port and passwords stay there.")],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on 127.0.0.1; default: the one used before, else a free one.")
    ] = None,
) -> None:
    """Run Apache Kafka on this machine, with users and access rights, until Ctrl-C or SIGTERM.

    Example: gongyu-hub kafka --dir ./hub

    The administrator's profile is written to DIR/profiles/admin.yaml. Data stays for the next start.
    """
    with reported():
        for number in _STOP_SIGNALS:
            signal.signal(number, _leave)
        local = LocalKafka(directory, port=port, say=_say)
        try:
            local.start()
            print(f"kafka: ready at {LOOPBACK}:{local.port}", flush=True)
            code = local.wait()
        finally:
            for number in _STOP_SIGNALS:  # stopping is bounded; a second Ctrl-C must not cut it short
                signal.signal(number, signal.SIG_IGN)
            local.stop()
        raise KafkaUnavailable(f"Kafka ended by itself with code {code}; its log is {local.log}. Start it again: its data is kept")


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(exit_codes.OK)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
