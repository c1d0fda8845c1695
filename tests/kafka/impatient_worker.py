"""A worker that stops reading when the heartbeat is older than two seconds: python impatient_worker.py DIR

As `gongyu-hub work`, which waits for thirty.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from gongyu_hub.engine.warm import warm
from gongyu_hub.observe.logs import configure_logs
from gongyu_hub.observe.metrics import Metrics
from gongyu_hub.settings import Settings
from gongyu_hub.worker import Worker
from gongyu_schemas.metrics_server import serving
from gongyu_schemas.transport.profile import read_profile

MAX_AGE_S = 2.0


def main(directory: Path) -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    configure_logs()
    warm()
    metrics = Metrics()
    settings = Settings(name="impatient", store_dir=directory / "store", policy_max_age_s=MAX_AGE_S)
    worker = Worker(read_profile(directory / "profiles" / "hub.yaml"), settings, metrics, lambda: bool(asked))
    worker.start()
    with serving(metrics.registry, "127.0.0.1", 0) as served:
        print(f"worker impatient: ready, metrics at http://{served}/metrics", flush=True)
        worker.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
