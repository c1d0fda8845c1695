"""What the controller's notes say of the broker's former life, and when there is one at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongyu_hub.local_kafka import former_life

_CHANGED = "Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: BrokerRegistrationChangeRecord"
REGISTERED = "Replayed RegisterBrokerRecord establishing a new incarnation of broker 1: RegisterBrokerRecord(fenced=true, x=0)\n"
UNFENCED = f"{_CHANGED}(brokerId=1, fenced=-1, x=0)\n"
LEAVING = f"{_CHANGED}(brokerId=1, fenced=0, x=1)\n"
FENCED = f"{_CHANGED}(brokerId=1, fenced=1, x=0)\n"
ACTIVE = "Performing controller activation.\n"


@pytest.mark.parametrize(
    ("said", "ended"),
    [
        (REGISTERED + UNFENCED, False),
        (REGISTERED + UNFENCED + FENCED, False),  # what follows is not read yet
        (REGISTERED + UNFENCED + ACTIVE, False),
        (REGISTERED + UNFENCED + ACTIVE + LEAVING, False),
        (REGISTERED + UNFENCED + ACTIVE + FENCED, True),
        (REGISTERED + UNFENCED + FENCED + LEAVING + ACTIVE, True),
        (REGISTERED + ACTIVE, True),  # killed before it was ready for anything
        (ACTIVE, True),
    ],
)
def test_it_has_ended_when_an_active_controller_has_fenced_the_broker(tmp_path: Path, said: str, ended: bool) -> None:
    log = tmp_path / "controller.log"
    log.write_text(said, encoding="utf-8")
    assert former_life.ended(log) is ended


def test_a_broker_that_ran_and_left_no_mark_has_crashed(tmp_path: Path) -> None:
    assert not former_life.crashed(tmp_path), "it never ran"
    (tmp_path / "data").mkdir()
    assert not former_life.crashed(tmp_path), "its storage is new"
    (tmp_path / "data" / "recovery-point-offset-checkpoint").write_text("0\n0\n")
    assert former_life.crashed(tmp_path)
    (tmp_path / "data" / ".kafka_cleanshutdown").write_text("{}")
    assert not former_life.crashed(tmp_path)
