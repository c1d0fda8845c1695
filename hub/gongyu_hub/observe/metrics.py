"""The worker's metrics: every one with what it means; counted only after the commit, so that both sums hold.

inputs = applied + unchanged + stale + rejected + control, of owner topics and of subject lists alike
per decided record: grants = delivered + withheld + unchanged
"""

from __future__ import annotations

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gongyu_hub.policy.compiled import TypePolicy
from gongyu_hub.state.pending import Partition, Pending
from gongyu_hub.values import Decision
from gongyu_schemas.names import owner_and_type

_COMMIT_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_BATCH_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_TYPE = ("owner", "information_type")
_GRANT = ("information_type", "subscriber", "grant")
#: Kinds of delivery that the table of decisions knows; markers are not decisions.
OPS = ("c", "u", "d")


class Metrics:
    """One worker's metrics in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self.inputs = Counter("gongyu_inputs", "Input messages settled, by outcome.", (*_TYPE, "outcome"), registry=on)
        self.rejections = Counter(
            "gongyu_rejections", "Rejected inputs: each is a dead letter. A rise: bad data.", (*_TYPE, "reason"), registry=on
        )
        self.list_inputs = Counter("gongyu_list_inputs", "Changes of subject lists settled, by outcome.", (*_TYPE, "outcome"), registry=on)
        self.decided = Counter(
            "gongyu_decided_records",
            "Records decided: by a change of theirs, or of the lists that their subject is on.",
            (*_TYPE, "cause"),
            registry=on,
        )
        self.decisions = Counter("gongyu_decisions", "Decided records of a grant = delivered + withheld + unchanged.", _GRANT, registry=on)
        self.deliveries = Counter("gongyu_deliveries", "Messages delivered, by grant and op.", (*_GRANT, "op"), registry=on)
        self.withheld = Counter("gongyu_withheld", "Decisions in which a grant was rightly shown nothing.", _GRANT, registry=on)
        self.unchanged = Counter("gongyu_unchanged", "Decisions in which no granted field moved.", _GRANT, registry=on)
        self.mismatches = Counter(
            "gongyu_before_mismatches", "Owner's `before` differs from the last image. A rise: the owner lost changes.", _TYPE, registry=on
        )
        self.batch_seconds = Histogram("gongyu_batch_seconds", "Time to decide and produce one batch.", buckets=_BATCH_BUCKETS, registry=on)
        self.commit_seconds = Histogram(
            "gongyu_commit_seconds", "Time of a commit. A rise: slow brokers.", buckets=_COMMIT_BUCKETS, registry=on
        )
        self.transactions_lost = Counter("gongyu_transactions_lost", "Transactions thrown away and done again.", registry=on)
        self.lag = Gauge("gongyu_lag_messages", "Owner messages not yet settled.", (*_TYPE, "partition"), registry=on)
        self.images = Gauge("gongyu_images", "Last images held.", (*_TYPE, "partition"), registry=on)
        self.adopted = Gauge("gongyu_adopted_epoch", "Epoch in effect in a partition.", (*_TYPE, "partition"), registry=on)
        self.paused = Gauge(
            "gongyu_partition_paused", "1: reading is paused after rejections in a row.", (*_TYPE, "partition"), registry=on
        )
        self.out_of_reach = Gauge(
            "gongyu_partition_out_of_reach",
            "1: the owner's retention passed the hub by; a snapshot is needed.",
            (*_TYPE, "partition"),
            registry=on,
        )
        self.policy_age = Gauge("gongyu_policy_age_seconds", "Age of the newest heartbeat. Too old: reading stops.", registry=on)

    def settled(self, pending: Pending) -> None:
        """After a commit: what one partition's transaction did."""
        of_type = owner_and_type(pending.partition.topic)
        causes = (("change", self.inputs, pending.tally), ("list", self.list_inputs, pending.list_tally))
        for cause, inputs, tally in causes:
            for outcome, count in tally.outcomes.items():
                inputs.labels(*of_type, outcome.value).inc(count)
            for reason, count in tally.rejections.items():
                self.rejections.labels(*of_type, reason.label).inc(count)
            if tally.decided:
                self.decided.labels(*of_type, cause).inc(tally.decided)
        if pending.tally.before_mismatches:
            self.mismatches.labels(*of_type).inc(pending.tally.before_mismatches)
        self.tell_partition(pending.partition)

    def tell_partition(self, partition: Partition) -> None:
        labels = (*owner_and_type(partition.topic), str(partition.number))
        self.images.labels(*labels).set(partition.store.images)
        self.adopted.labels(*labels).set(partition.progress.adopted)
        self.paused.labels(*labels).set(partition.progress.paused is not None)

    def forget_partition(self, partition: Partition) -> None:
        """The partition is another worker's now."""
        _, information_type = owner_and_type(partition.topic)
        for gauge in (self.images, self.adopted, self.paused, self.lag, self.out_of_reach):
            gauge.remove_by_labels({"information_type": information_type, "partition": str(partition.number)})

    def committed(self, seconds: float, decided: dict[str, GrantCounts]) -> None:
        """After a commit: what its decisions came to, grant by grant."""
        self.commit_seconds.observe(seconds)
        for counts in decided.values():
            for grant, row in zip(counts.policy.grants, counts.table.tolist(), strict=True):
                labels = (counts.policy.manifest.information_type, grant.subscriber, grant.grant)
                withheld, unchanged, *ops = row
                for counter, value in ((self.decisions, sum(row)), (self.withheld, withheld), (self.unchanged, unchanged)):
                    counter.labels(*labels).inc(value)
                for op, value in zip(OPS, ops, strict=True):
                    self.deliveries.labels(*labels, op).inc(value)


class GrantCounts:
    """Decisions of an open transaction: per grant withheld, unchanged, then delivered by op; int64[G, 5]."""

    def __init__(self, policy: TypePolicy) -> None:
        self.policy = policy
        self.table = np.zeros((len(policy.grants), 2 + len(OPS)), np.int64)

    def add(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            delivered = (np.count_nonzero(decision.ops == ord(op)) for op in OPS)
            self.table[decision.grant] += (decision.withheld, decision.unchanged, *delivered)
