"""How one dead letter is shown to a person."""

from __future__ import annotations

import pytest

from gongyu_hub.operating.dead_letters import Letter
from gongyu_hub.operating.dead_letters_command import REPAIR, _describe, _print_one


def test_what_a_dead_letter_does_not_have_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    letter = Letter(
        position="0:7",
        at_ms=0,
        reason="not-decodable",
        detail="4 bytes are missing",
        topic="owner.nts.business",
        partition=2,
        offset=5,
        omitted=None,
        key=None,
        value=b"abc",
    )
    _print_one(_describe(letter))
    shown = capsys.readouterr().out
    assert "None" not in shown and "omitted" not in shown and "key" not in shown
    assert "reason: not-decodable\n" in shown and "value bytes: 3\n" in shown and shown.endswith(f"{REPAIR}\n")
