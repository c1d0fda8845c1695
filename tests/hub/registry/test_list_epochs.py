"""An epoch that uses a list is decided with it, and published only behind what the hub has read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from gongyu_hub.registry import acts, epochs, list_names, subject_lists
from gongyu_hub.registry.database import open_database
from gongyu_hub.registry.policy_check import read_policy
from gongyu_hub.registry.subject_lists import ListKey
from tests.hub.registry.policies import grant, make_type, write_policy


def test_a_decided_epoch_names_its_lists_and_comes_behind_their_announcement(tmp_path: Path) -> None:
    dog = make_type(tmp_path / "types")
    file = tmp_path / "policy.yaml"
    write_policy(
        file, grant("vet", "all"), grant("vet", "some", subjects={"list": "patients"}), grant("shop", "own", subjects={"list": "own"})
    )
    policy = read_policy(file, {"dog": dog}, date(2026, 3, 1))
    database = open_database(tmp_path)
    topics = {f"grant.{each.subscriber}.{each.name}": 4 for each in policy.grants}
    with database.writing() as session:
        epochs.know_type(session, dog)
        epochs.decide_first_epoch(session, dog, policy.grants_of("dog"), topics, key_check="", now_ms=1)
    with database.reading() as session:
        records = epochs.decided_records(session)
        assert subject_lists.find(session, ListKey("vet", "dog", "patients")) is not None, "a list that was never put is empty"
        assert subject_lists.all_told(session, "dog", [("vet", "patients"), ("shop", "own")])
        assert epochs.changes_in_force(session, {"dog": dog}, policy) == []
        of_vet = [list_names.used_by(session, ListKey("vet", "dog", name)) for name in ("patients", "own")]
        assert (of_vet, list_names.used_by(session, ListKey("shop", "dog", "own"))) == ([["some"], []], ["own"])
    assert [each.key for each in records] == [b"type/dog", b"grant/shop/own/1", b"grant/vet/all/1", b"grant/vet/some/1", b"epoch/dog/1"]
    assert [each.waits_for for each in records] == [None, None, None, None, ("dog", (("shop", "own"), ("vet", "patients")))]
    # A resume decides alike: it waits for no list once what is before it is published.
    with database.writing() as session:
        epochs.mark_published(session, {each.key for each in records})
        assert acts.decide_resume(session, "admin", "dog", 0, 7, 1000) == 2
    with database.reading() as session:
        assert [(each.key, each.waits_for) for each in epochs.decided_records(session) if not each.published] == [(b"epoch/dog/2", None)]
    database.close()


def test_a_type_with_lists_is_told_as_such_when_it_changes_before_its_first_epoch(tmp_path: Path) -> None:
    dog = make_type(tmp_path / "types")
    database = open_database(tmp_path)
    with database.writing() as session:
        epochs.know_type(session, dog)
    changed = replace(dog, subject=("name",))
    with database.reading() as session:
        assert not epochs.changed_without_epoch(session, {"dog": changed})["dog"].listed
    with database.writing() as session:
        subject_lists.find_or_make(session, ListKey("vet", "dog", "patients"))
    with database.reading() as session:
        assert epochs.changed_without_epoch(session, {"dog": changed})["dog"].listed
    database.close()
