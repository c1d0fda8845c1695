"""The demo's last words: a table per grant, the figures, the self-check."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from gongyu_hub.demo.check import CheckResult
from gongyu_hub.demo.figures import Figures, Outcome
from gongyu_hub.demo.runner import name_of

_MEBIBYTE = 1024 * 1024


def print_report(console: Console, outcome: Outcome) -> None:
    """Everything that was measured and found."""
    console.print()
    console.print(_grants_table(outcome))
    console.print(_figures_table(outcome.figures))
    counts = ", ".join(f"{count:,} {event}" for event, count in outcome.events.items())
    console.print(f"the residents' day: {counts}", highlight=False)
    outcomes = ", ".join(f"{count:,} {each.value}" for each, count in outcome.check.outcomes().items())
    console.print(f"{outcome.check.inputs:,} inputs = {outcomes}", highlight=False)
    console.print()
    print_findings(console, outcome.check)


def print_findings(console: Console, check: CheckResult) -> None:
    """The self-check's table and, if anything is wrong, the first examples."""
    table = Table("self-check: every record against an independent reference", "found", title_justify="left")
    table.columns[1].justify = "right"
    for defect, count in check.findings.counts.items():
        table.add_row(defect.value, f"{count:,}", style="bold red" if count else "green")
    console.print(table)
    for example in check.findings.examples:
        console.print(f"  {example}", style="red", highlight=False)
    verdict, style = ("all 0", "bold green") if check.findings.clean else ("FAILED", "bold red")
    console.print(f"self-check: {verdict}", style=style)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of them does not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _grants_table(outcome: Outcome) -> Table:
    table = Table("grant: purpose, law", "c", "u", "d", "withheld", "p50", "p99", "p99 calm", title="grants")
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    for result in outcome.check.grants:
        terms, tally = result.terms, result.tally
        name, law = name_of(terms), f"{terms.legal_basis['statute']}, {terms.legal_basis['article']}"
        latencies, calm = outcome.figures.latencies_ms.get(name, []), outcome.figures.calm_latencies_ms.get(name, [])
        times = (_milliseconds(each) for each in (percentile(latencies, 0.5), percentile(latencies, 0.99), percentile(calm, 0.99)))
        ops = (f"{count:,}" for count in tally.delivered.values())
        table.add_row(f"[bold]{name}[/bold]\n{terms.purpose['code']}\n{law}", *ops, f"{tally.withheld:,}", *times)
    table.caption = "p50, p99: publish to receive in the day, the killed worker's time included; calm: without it"
    return table


def _figures_table(figures: Figures) -> Table:
    table = Table("figure", "value", title="figures")
    table.columns[1].justify = "right"
    seconds = max(figures.load_s, 0.001)
    table.add_row("changes per second (registers)", f"{figures.load_changes / seconds:,.0f}")
    table.add_row("deliveries per second (registers)", f"{figures.load_deliveries / seconds:,.0f}")
    table.add_row("first change published to first delivery", f"{figures.first_delivery_s:.2f} s")
    table.add_row("worker killed to all its changes settled again", f"{figures.outage[1] - figures.outage[0]:.1f} s")
    peak = f"{figures.worker_peak_bytes / _MEBIBYTE:,.0f} MiB" if figures.worker_peak_bytes else "unknown"
    table.add_row("peak memory of the worker", peak)
    table.add_row("self-check", f"{figures.check_s:.1f} s")
    table.add_row("all", f"{figures.total_s:.1f} s")
    return table


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"
