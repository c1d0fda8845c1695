"""The two conservation sums, read from a worker's metrics.

Enters the address of the metrics; leaves findings. A worker counts from its own start, so after a crash its sums speak of
what it settled itself, and no more than the owners published.
    inputs = applied + unchanged + stale + rejected + control
    decided records x grants = delivered + withheld + unchanged
A record is decided once for each applied change of it, and once for each applied change of the lists that its subject is on.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from gongyu_hub.demo.compare import Defect, Findings
from gongyu_hub.demo.reference import Outcome
from gongyu_schemas.errors import FatalError

_TIMEOUT_S = 10.0


def check_sums(url: str, inputs: Mapping[str, int], grants: Mapping[str, int]) -> Findings:
    """`inputs`: owner messages by information type; `grants`: number of grants by information type. Raises FatalError."""
    return judge_sums(_read(url), inputs, grants)


def judge_sums(text: str, inputs: Mapping[str, int], grants: Mapping[str, int]) -> Findings:
    """The same on the metrics' text."""
    settled: Counter[tuple[str, str]] = Counter()
    decided: Counter[tuple[str, str]] = Counter()
    records: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            kind = sample.labels.get("information_type", "")
            if sample.name == "gongyu_inputs_total":
                settled[kind, sample.labels["outcome"]] += int(sample.value)
            elif sample.name == "gongyu_decided_records_total":
                records[kind, sample.labels["cause"]] += int(sample.value)
            elif sample.name in ("gongyu_deliveries_total", "gongyu_withheld_total", "gongyu_unchanged_total"):
                decided[kind, "sum"] += int(sample.value)
            elif sample.name == "gongyu_decisions_total":
                decided[kind, "all"] += int(sample.value)
    findings = Findings()
    outcomes = {outcome.value for outcome in Outcome}
    for kind, published in inputs.items():
        of_type = {outcome: count for (name, outcome), count in settled.items() if name == kind}
        if not of_type.keys() <= outcomes or sum(of_type.values()) > published:
            findings.add(Defect.WRONG_SUM, f"{kind}: of {published} inputs the worker settled {of_type}")
        applied, changed = of_type.get(Outcome.APPLIED.value, 0), records[kind, "change"]
        wanted = (changed + records[kind, "list"]) * grants[kind]
        if applied != changed or not wanted == decided[kind, "sum"] == decided[kind, "all"]:
            findings.add(
                Defect.WRONG_SUM,
                f"{kind}: {applied} applied, {changed} records decided by them; decided x grants = {wanted}, "
                f"delivered + withheld + unchanged = {decided[kind, 'sum']}, "
                f"decisions = {decided[kind, 'all']}",
            )
    return findings


def _read(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the worker's own http address
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError) as error:
        raise FatalError(f"the worker's metrics at {url} cannot be read: {error}") from error
