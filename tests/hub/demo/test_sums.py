"""Both conservation sums, as a worker's metrics tell them."""

from __future__ import annotations

import pytest

from gongyu_hub.demo.compare import Defect
from gongyu_hub.demo.sums import judge_sums


def metrics(**changed: int) -> str:
    """Ten inputs, seven of them applied, and a list change that decides one record; two grants."""
    values = {"applied": 7, "unchanged": 2, "rejected": 1, "change": 7, "list": 1, "a": 8, "b": 8}
    values |= {"delivered_a": 5, "withheld_a": 2, "unchanged_a": 1, "delivered_b": 8, **changed}
    inputs = "".join(
        f'gongyu_inputs_total{{owner="county",information_type="dog",outcome="{outcome}"}} {values[outcome]}\n'
        for outcome in ("applied", "unchanged", "rejected")
    )

    inputs += "".join(
        f'gongyu_decided_records_total{{owner="county",information_type="dog",cause="{cause}"}} {values[cause]}\n'
        for cause in ("change", "list")
    )

    def of(name: str, grant: str, value: int, more: str = "") -> str:
        return f'gongyu_{name}_total{{information_type="dog",subscriber="vet",grant="{grant}"{more}}} {value}\n'

    decided = "".join(of("decisions", grant, values[grant]) for grant in "ab")
    shares = of("deliveries", "a", values["delivered_a"], ',op="c"') + of("deliveries", "b", values["delivered_b"], ',op="d"')
    return inputs + decided + shares + of("withheld", "a", values["withheld_a"]) + of("unchanged", "a", values["unchanged_a"])


def test_sums_that_hold_are_clean() -> None:
    assert judge_sums(metrics(), {"dog": 10}, {"dog": 2}).clean


def test_a_worker_that_came_later_has_settled_fewer() -> None:
    assert judge_sums(metrics(), {"dog": 99}, {"dog": 2}).clean


@pytest.mark.parametrize(
    "changed",
    [{"delivered_a": 6}, {"withheld_a": 1}, {"unchanged_a": 0}, {"a": 7}, {"applied": 8}, {"unchanged": 3}, {"list": 0}, {"change": 8}],
)
def test_any_broken_sum_is_found(changed: dict[str, int]) -> None:
    assert judge_sums(metrics(**changed), {"dog": 10}, {"dog": 2}).counts[Defect.WRONG_SUM]


def test_an_unknown_outcome_is_found() -> None:
    text = metrics().replace('outcome="unchanged"', 'outcome="dropped"')
    assert judge_sums(text, {"dog": 10}, {"dog": 2}).counts[Defect.WRONG_SUM]
