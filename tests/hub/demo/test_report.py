"""The demo's report."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gongyu_hub.demo.check import CheckResult
from gongyu_hub.demo.compare import Defect
from gongyu_hub.demo.report import percentile, print_findings
from gongyu_hub.demo.screen import Reading, Screen

HUNDRED = [float(number) for number in range(1, 101)]


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([], 0.5, None), ([7.0], 0.99, 7.0), ([2.0, 1.0], 0.5, 1.0), (HUNDRED, 0.99, 99.0), ([1.0, 2.0, 3.0], 0.99, 3.0)],
)
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(values: list[float], share: float, wanted: float | None) -> None:
    assert percentile(values, share) == wanted


def test_every_defect_has_a_line_and_the_verdict_follows() -> None:
    result = CheckResult()
    for verdict in ("all 0", "FAILED"):
        output = io.StringIO()
        print_findings(Console(file=output, width=100), result)
        assert f"self-check: {verdict}" in output.getvalue()
        assert all(defect.value in output.getvalue() for defect in Defect)
        result.findings.add(Defect.MISSING, "one is missing")
    assert "one is missing" not in output.getvalue() or verdict == "FAILED"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_screen_shows_phases_and_readings(*, terminal: bool) -> None:
    output = io.StringIO()
    with Screen(Console(file=output, width=100, force_terminal=terminal)) as screen:
        screen.phase("starting")
        screen.read(Reading(10, 4, {"vet/dogs": 3}))
        screen.phase("sharing")
        screen.note("something happened")
        screen.read(Reading(20, 0, {"vet/dogs": 9}))
    text = output.getvalue()
    assert "starting" in text
    assert "sharing" in text
    assert "something happened" in text
    assert terminal == ("20 of 20 changes settled" in text and "vet/dogs" in text)
