"""The receiver's metrics: each documented, counted after the commit, and with labels that cannot hold a record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from gongyu_consumers.daemon import Condition
from gongyu_consumers.metrics import Metrics
from gongyu_consumers.sinks.sink import Effects

README = (Path(__file__).parents[2] / "consumers" / "README.md").read_text(encoding="utf-8")


def metrics() -> Metrics:
    return Metrics("resident-address", Condition())


def test_the_readme_has_every_metric_and_no_other() -> None:
    known = {metric.name for metric in metrics().registry.collect()}
    table = {word.partition("{")[0].removesuffix("_total") for word in README.split("`") if word.startswith("gongyu_receiver_")}
    assert table == known


def test_labels_are_grants_ops_partitions_events_and_causes() -> None:
    made = metrics()
    made.applied(Effects(Counter("cudrm"), inconsistencies=["grant.bank.x [0] offset 7: c of a record that is there"]), 0.1)
    labels = {name for metric in made.registry.collect() for sample in metric.samples for name in sample.labels}
    assert labels <= {"grant", "op", "partition", "event", "cause", "le"}


def test_effects_are_counted() -> None:
    made = metrics()
    made.applied(Effects(Counter("ccu"), swept=3, passed_over=2, moved=1), 0.1)
    made.applied(Effects(), 0.1)
    value = made.registry.get_sample_value
    grant = {"grant": "resident-address"}
    assert value("gongyu_receiver_deliveries_total", {**grant, "op": "c"}) == 2
    assert [value(f"gongyu_receiver_{name}_total", grant) for name in ("swept", "passed_over", "moved", "inconsistencies")] == [3, 2, 1, 0]
    assert value("gongyu_receiver_commit_seconds_count", grant) == 2


def test_rebalances_add_up() -> None:
    made = metrics()
    for counts in ({"assigned": 2}, {"assigned": 1, "revoked": 1}, {}, {"assigned": 1}):
        made.rebalanced(counts)
    found = {
        event: made.registry.get_sample_value("gongyu_receiver_rebalances_total", {"grant": "resident-address", "event": event})
        for event in ("assigned", "revoked", "lost", "fenced")
    }
    assert found == {"assigned": 4, "revoked": 1, "lost": 0, "fenced": 0}
