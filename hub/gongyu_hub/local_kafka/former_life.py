"""After a crash: the controller alone runs first, until it knows that the broker's former life has ended.

A broker that ended by kill -9 or a power cut still leads every partition in the metadata. Started at once, it believes that,
takes up the transactions that were open, and then learns from its own controller that its former life timed out: for a moment
nobody leads anything. What it has to say of transactions in that moment it throws away (KAFKA-20734, Kafka 4.3): "deleted
already and hence can be skipped". Such a transaction is over for its coordinator and open for ever in its partitions, which
nobody reads past it any more. Where the former life is known to have ended, the broker leads nothing until it is ready for it.
It is no slower: a broker waits for that end anyway, and the controller alone is told to wait half a second.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from gongyu_hub.local_kafka.java import Java
from gongyu_schemas.errors import KafkaUnavailable

#: The class that notes each change of a broker's standing; what it writes is that of the one release whose jars are checked.
_FLAGS = ("-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ClusterControlManager=info",)
_ACTIVE = "Performing controller activation"
_STANDING = re.compile(r"Replayed .*brokerId=1\b.*brokerEpoch=(\d+).*\bfenced=(true|false|1|-1)\b")
#: Of the newest segment of the metadata: what follows a broker's end are its partitions, 100 bytes each.
_TAIL_BYTES = 16 * 1024 * 1024
_POLL_S = 0.03
_STOP_S = 10.0


def crashed(home: Path) -> bool:
    """Whether a broker has run in this folder and did not end by itself: ending, it leaves a mark, which a start removes."""
    data = home / "data"
    return (data / "recovery-point-offset-checkpoint").exists() and not (data / ".kafka_cleanshutdown").exists()


def end_former_life(java: Java, properties: str, descriptors: Sequence[int], deadline: float) -> None:
    """Run the controller until the broker's former life has ended. `deadline` by the monotonic clock. Raises KafkaUnavailable."""
    log = java.home / "logs" / "controller.log"
    metadata = java.home / "data" / "__cluster_metadata-0"
    log.unlink(missing_ok=True)
    controller = java.run_kafka(properties, log, descriptors, _FLAGS)
    try:
        while not ended(log, metadata):
            if controller.poll() is not None or time.monotonic() > deadline:
                raise KafkaUnavailable(f"Kafka's controller could not be brought up after a crash; its log is {log}")
            time.sleep(_POLL_S)
        controller.terminate()
        controller.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        pass  # killed below, which its data survive
    finally:
        controller.kill()
        controller.wait()


def ended(log: Path, metadata: Path) -> bool:
    """Whether the controller is active and has written down that the broker is fenced.

    `log`: its notes, which it makes before it writes. `metadata`: folder of its data.
    """
    before, active, _ = log.read_text(encoding="utf-8", errors="replace").partition(_ACTIVE)
    if not active:
        return False
    standing = _STANDING.findall(before)
    if not standing or standing[-1][1] in ("true", "1"):
        return True
    # BrokerRegistrationChangeRecord: broker, epoch, and of the fields that may be left out one: 0, of one byte, is 1.
    fenced = struct.pack(">iqBBBB", 1, int(standing[-1][0]), 1, 0, 1, 1)
    with max(metadata.glob("*.log")).open("rb") as segment:
        segment.seek(max(0, segment.seek(0, os.SEEK_END) - _TAIL_BYTES))
        return fenced in segment.read()
