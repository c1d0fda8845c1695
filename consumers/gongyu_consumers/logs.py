"""Log lines of a command on standard error: for a person, or one JSON object a line for a collector.

Our own lines only: what the HTTP and Kafka clients log is in the errors where it matters. Never a record's content.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """`time` (RFC 3339, UTC), `level`, `grant`, `message`."""

    def __init__(self, grant: str) -> None:
        super().__init__()
        self._grant = grant

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "grant": self._grant,
            "message": record.getMessage(),
        }
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr(grant: str, *, as_json: bool) -> None:
    """Call once per process, before the first line is written."""
    shown = logging.StreamHandler()
    shown.setFormatter(JsonLines(grant) if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("gongyu.subscriber")
    log.handlers = [shown]
    log.setLevel(logging.INFO)
    log.propagate = False
