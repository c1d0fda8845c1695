"""A real Prometheus scrapes the worker, and both conservation sums can be computed from what it has."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.changes import GRANTS, change
from tests.running import RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: worker
    static_configs: [{{targets: ["{target}"]}}]
"""


def ask(port: int, query: str) -> dict[str, float]:
    """Label values (joined) -> value."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {",".join(v for k, v in sorted(each["metric"].items()) if not k.startswith("_")): float(each["value"][1]) for each in result}


def test_prometheus_scrapes_a_worker_and_both_sums_hold(
    hub: RunningHub, unique: Callable[[str], str], tmp_path: Path, free_port: int
) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    of = hub.add_type("person", unique("measured"), GRANTS)
    with hub.working() as worker:
        line = worker.ready("metrics at")
        target = line.rpartition("http://")[2].removesuffix("/metrics")
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(target=target), encoding="utf-8")
        arguments = [
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{free_port}",
        ]
        with (tmp_path / "prometheus.log").open("wb") as log, subprocess.Popen([prometheus, *arguments], stdout=log, stderr=log) as process:
            try:
                change(of, random.Random(12), 2000)
                of.settled()
                name = of.type.name
                inputs = f'sum by (outcome) (gongyu_inputs_total{{information_type="{name}"}})'
                wait_until(lambda: sum(ask(free_port, inputs).values()) == 2000, 60, "all inputs seen by Prometheus")
                outcomes = ask(free_port, inputs)
                by_grant = {
                    metric: ask(free_port, f'sum by (grant) (gongyu_{metric}_total{{information_type="{name}"}})')
                    for metric in ("decisions", "deliveries", "withheld", "unchanged")
                }
                lag = ask(free_port, f'sum(gongyu_lag_messages{{information_type="{name}"}})')
                adopted = ask(free_port, f'min(gongyu_adopted_epoch{{information_type="{name}"}})')
                images = ask(free_port, f'sum(gongyu_images{{information_type="{name}"}})')
            finally:
                process.terminate()
    result = of.check()
    assert outcomes == {o.value: n for o, n in result.outcomes().items() if n}
    for grant in result.grants:
        grants = grant.terms.name
        assert by_grant["decisions"][grants] == outcomes["applied"]
        assert by_grant["decisions"][grants] == sum(by_grant[metric][grants] for metric in ("deliveries", "withheld", "unchanged"))
        assert by_grant["deliveries"][grants] == sum(grant.tally.delivered.values())
    assert set(lag.values()) == {0} and set(adopted.values()) == {1}
    assert set(images.values()) == {len(dict(result.references[name].images()))}
