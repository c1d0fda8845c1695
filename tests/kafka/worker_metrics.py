"""What a worker counted, read from the address that it prints."""

from __future__ import annotations

from collections import Counter

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.running import Process


def metrics_text(worker: Process) -> str:
    address = worker.ready("metrics at").rpartition("metrics at ")[2]
    return httpx2.get(address, timeout=10).text


def count(text: str, metric: str, information_type: str, by: str) -> Counter[str]:
    """Samples of one metric for one type, by a label."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == metric and sample.labels.get("information_type") == information_type:
                found[sample.labels[by]] += int(sample.value)
    return found


def policy_age_s(worker: Process) -> float:
    """Of the newest heartbeat."""
    families = text_string_to_metric_families(metrics_text(worker))
    return next(float(sample.value) for family in families for sample in family.samples if sample.name == "gongyu_policy_age_seconds")
