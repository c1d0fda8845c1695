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

from gongyu_hub.demo.reference import Outcome
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
                result = of.check()
                applied = result.outcomes()[Outcome.APPLIED]
                expected = {
                    "inputs": {o.value: n for o, n in result.outcomes().items() if n},
                    "decisions": {each.terms.name: applied for each in result.grants},
                    "deliveries": {each.terms.name: sum(each.tally.delivered.values()) for each in result.grants},
                    "withheld": {each.terms.name: each.tally.withheld for each in result.grants},
                    "unchanged": {each.terms.name: each.tally.unchanged for each in result.grants},
                    "lag": {"": 0},
                    "adopted": {"": 1},
                    "images": {"": len(dict(result.references[of.type.name].images()))},
                }
                # A scrape may meet the worker between two of its counters; what is promised holds of the next one.
                wait_until(lambda: measured(free_port, of.type.name) == expected, 60, f"{expected} in Prometheus")
            finally:
                print("measured:", measured(free_port, of.type.name))
                process.terminate()
    assert result.inputs == 2000 and 0 < applied < 2000
    for counts in zip(*(expected[metric].values() for metric in ("decisions", "deliveries", "withheld", "unchanged")), strict=True):
        assert counts[0] == sum(counts[1:]) and counts[1] > 0


def measured(port: int, name: str) -> dict[str, dict[str, float]]:
    """What Prometheus holds of one information type."""
    of_type = f'{{information_type="{name}"}}'
    queries = {"inputs": f"sum by (outcome) (gongyu_inputs_total{of_type})"}
    queries |= {each: f"sum by (grant) (gongyu_{each}_total{of_type})" for each in ("decisions", "deliveries", "withheld", "unchanged")}
    queries |= {"lag": f"sum(gongyu_lag_messages{of_type})", "adopted": f"min(gongyu_adopted_epoch{of_type})"}
    queries |= {"images": f"sum(gongyu_images{of_type})"}
    return {each: ask(port, query) for each, query in queries.items()}
