"""What the controller's notes say of the broker's former life, and when there is one at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongyu_hub.local_kafka import former_life

_CHANGED = "Replayed BrokerRegistrationChangeRecord modifying the registration for broker 1: BrokerRegistrationChangeRecord"
REGISTERED = "Replayed RegisterBrokerRecord establishing: RegisterBrokerRecord(brokerId=1, brokerEpoch=300, fenced=true, x=0)\n"
UNFENCED = f"{_CHANGED}(brokerId=1, brokerEpoch=300, fenced=-1, x=0)\n"
LEAVING = f"{_CHANGED}(brokerId=1, brokerEpoch=300, fenced=0, x=1)\n"
FENCED = f"{_CHANGED}(brokerId=1, brokerEpoch=300, fenced=1, x=0)\n"
ACTIVE = "Performing controller activation.\n"
#: As Kafka writes them: version, kind, version, broker, epoch, one more field: its number, length and content.
WRITTEN_UNFENCED = bytes.fromhex("01110000000001000000000000012c010001ff")
WRITTEN_FENCED = bytes.fromhex("01110000000001000000000000012c01000101")
WRITTEN_FENCED_BEFORE = bytes.fromhex("01110000000001000000000000012b01000101")


@pytest.mark.parametrize(
    ("said", "written", "ended"),
    [
        (REGISTERED + UNFENCED, WRITTEN_UNFENCED, False),
        (REGISTERED + UNFENCED + FENCED, WRITTEN_FENCED, False),  # what follows is not read yet
        (REGISTERED + UNFENCED + ACTIVE, WRITTEN_UNFENCED, False),
        (REGISTERED + UNFENCED + ACTIVE, WRITTEN_FENCED_BEFORE + WRITTEN_UNFENCED, False),  # another life's end
        (REGISTERED + UNFENCED + ACTIVE + FENCED, WRITTEN_UNFENCED, False),  # said, but not written yet
        (REGISTERED + UNFENCED + ACTIVE + FENCED, WRITTEN_UNFENCED + WRITTEN_FENCED + b"partitions", True),
        (REGISTERED + UNFENCED + LEAVING + ACTIVE, WRITTEN_UNFENCED, False),
        (REGISTERED + UNFENCED + FENCED + LEAVING + ACTIVE, b"", True),
        (REGISTERED + ACTIVE, b"", True),  # killed before it was ready for anything
        (ACTIVE, b"", True),
    ],
)
def test_it_has_ended_when_an_active_controller_has_written_that_the_broker_is_fenced(
    tmp_path: Path, said: str, written: bytes, ended: bool
) -> None:
    log, metadata = tmp_path / "controller.log", tmp_path / "metadata"
    log.write_text(said, encoding="utf-8")
    metadata.mkdir()
    (metadata / "00000000000000000000.log").write_bytes(b"an older segment")
    (metadata / "00000000000000000042.log").write_bytes(b"records" + written)
    assert former_life.ended(log, metadata) is ended


def test_a_broker_that_ran_and_left_no_mark_has_crashed(tmp_path: Path) -> None:
    assert not former_life.crashed(tmp_path), "it never ran"
    (tmp_path / "data").mkdir()
    assert not former_life.crashed(tmp_path), "its storage is new"
    (tmp_path / "data" / "recovery-point-offset-checkpoint").write_text("0\n0\n")
    assert former_life.crashed(tmp_path)
    (tmp_path / "data" / ".kafka_cleanshutdown").write_text("{}")
    assert not former_life.crashed(tmp_path)
