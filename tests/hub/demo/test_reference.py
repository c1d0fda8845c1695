"""Each rule of the promise, as the reference keeps it."""

from __future__ import annotations

import pytest

from gongyu_hub.demo.reference import Decided, Delivery, Outcome, Reference, operation, terms
from gongyu_schemas.partitioner import partition_of
from tests.hub.demo.registers import VALUE_ID, Owner, dog, information_type

APPLIED, UNCHANGED, STALE, REJECTED, CONTROL = Outcome


class Hub:
    """A reference with one grant, and the owner that feeds it."""

    def __init__(self, rows: str | None = None, fields: tuple[str, ...] = ("chip", "town"), **type_options: object) -> None:
        self.type = information_type(**type_options)  # type: ignore[arg-type]
        self.owner = Owner(self.type)
        self.reference = Reference(self.owner.published, [terms("vet", "dogs", self.type, fields, rows)])

    def take(self, *messages: object) -> list[Decided]:
        return list(self.reference.process(messages))  # type: ignore[arg-type]


def only(decided: Decided) -> Delivery:
    [(grant, delivery)] = decided.deliveries
    assert grant == 0
    return delivery


@pytest.mark.parametrize(
    ("before", "after", "op"),
    [(None, None, None), (None, (1,), "c"), ((1,), None, "d"), ((1,), (1,), None), ((1,), (2,), "u")],
)
def test_the_table_of_the_promise(before: tuple[int] | None, after: tuple[int] | None, op: str | None) -> None:
    assert operation(before, after) == op


def test_a_first_image_is_a_create_whatever_the_owner_calls_it() -> None:
    hub = Hub()
    for number, op in enumerate("cur"):
        [decided] = hub.take(hub.owner.put(dog(str(number)), op))
        assert decided.outcome is APPLIED
        assert only(decided) == Delivery("c", (str(number),), None, (str(number), "seoul"), 5, 0, number, None)


def test_a_change_of_a_granted_field_is_an_update_with_both_views() -> None:
    hub = Hub()
    [_, decided] = hub.take(hub.owner.put(dog()), hub.owner.put(dog(town="busan"), act="moving day"))
    assert only(decided) == Delivery("u", ("a",), ("a", "seoul"), ("a", "busan"), 5, 0, 1, "moving day")


def test_a_change_of_an_ungranted_field_delivers_nothing() -> None:
    hub = Hub()
    [_, decided] = hub.take(hub.owner.put(dog()), hub.owner.put(dog(keeper="lee")))
    assert (decided.outcome, decided.deliveries) == (APPLIED, ())
    assert hub.reference.tallies[0].unchanged == 1


def test_moving_out_of_the_rows_is_a_delete_and_in_again_a_create() -> None:
    hub = Hub(rows="town = 'seoul'")
    decided = hub.take(hub.owner.put(dog()), hub.owner.put(dog(town="busan")), hub.owner.put(dog(town="jeju")), hub.owner.put(dog()))
    assert [each.deliveries and only(each).op for each in decided] == ["c", "d", (), "c"]
    assert only(decided[1]).before == ("a", "seoul")
    assert only(decided[1]).after is None
    assert hub.reference.tallies[0].withheld == 1


def test_a_null_predicate_is_not_true() -> None:
    hub = Hub(rows="town <> 'busan'")
    [never, inside, left] = hub.take(hub.owner.put(dog("b", town=None)), hub.owner.put(dog()), hub.owner.put(dog(town=None)))
    assert never.deliveries == ()
    assert (only(inside).op, only(left).op) == ("c", "d")


def test_before_is_the_last_image_never_the_owner_s_before() -> None:
    hub = Hub()
    wrong = hub.owner.value("u", dog(town="atlantis"), dog(town="busan"))
    [_, decided] = hub.take(hub.owner.put(dog()), hub.owner.message(hub.owner.key(dog()), wrong))
    assert only(decided).before == ("a", "seoul")


def test_a_repeated_image_is_unchanged() -> None:
    hub = Hub()
    [_, decided] = hub.take(hub.owner.put(dog()), hub.owner.put(dog()))
    assert (decided.outcome, decided.deliveries) == (UNCHANGED, ())


def test_numbers_are_equal_by_value() -> None:
    hub = Hub()
    decided = hub.take(hub.owner.put(dog(weight=0.0)), hub.owner.put(dog(weight=-0.0)), hub.owner.put(dog(weight=float("nan"))))
    decided += hub.take(hub.owner.put(dog(weight=float("nan"))))
    assert [each.outcome for each in decided] == [APPLIED, UNCHANGED, APPLIED, UNCHANGED]


def test_a_delete_delivers_the_last_view_and_a_second_one_nothing() -> None:
    hub = Hub()
    [_, first, second] = hub.take(hub.owner.put(dog()), hub.owner.remove(dog()), hub.owner.remove(dog()))
    assert only(first) == Delivery("d", ("a",), ("a", "seoul"), None, 5, 0, 1, None)
    assert second.outcome is UNCHANGED


def test_a_delete_of_an_unknown_record_is_unchanged() -> None:
    hub = Hub()
    [decided] = hub.take(hub.owner.remove(dog()))
    assert decided.outcome is UNCHANGED


def test_a_null_message_is_a_delete_of_its_key() -> None:
    hub = Hub()
    key = hub.owner.key(dog())
    decided = hub.take(hub.owner.message(key, None), hub.owner.put(dog()), hub.owner.message(key, None))
    assert [each.outcome for each in decided] == [UNCHANGED, APPLIED, APPLIED]
    assert only(decided[2]) == Delivery("d", ("a",), ("a", "seoul"), None, 9, 0, 2, None)


def test_a_null_message_is_rejected_where_the_key_is_only_the_subject() -> None:
    hub = Hub(subject=("keeper",))
    [decided] = hub.take(hub.owner.message(hub.owner.key(dog()), None))
    assert decided.outcome is REJECTED


def test_a_delete_without_before_is_known_by_its_key() -> None:
    hub = Hub()
    [_, decided] = hub.take(hub.owner.put(dog()), hub.owner.message(hub.owner.key(dog()), hub.owner.value("d", None, None)))
    assert only(decided).op == "d"


def test_records_of_one_subject_are_apart() -> None:
    hub = Hub(subject=("keeper",))
    decided = hub.take(hub.owner.put(dog("a")), hub.owner.put(dog("b")), hub.owner.remove(dog("a")))
    assert [only(each).key for each in decided] == [("a",), ("b",), ("a",)]
    assert hub.reference.views(0) == {("b",): ("b", "seoul")}


def test_valid_then_poison_then_delete_gives_the_right_delete() -> None:
    hub = Hub()
    poison = hub.owner.message(hub.owner.key(dog()), hub.owner.value("u", None, dog(town="busan"))[:-1])
    [_, rejected, decided] = hub.take(hub.owner.put(dog()), poison, hub.owner.remove(dog()))
    assert rejected.outcome is REJECTED
    assert only(decided).before == ("a", "seoul")


def test_every_truncation_of_a_valid_message_is_rejected() -> None:
    hub = Hub()
    value = hub.owner.value("c", None, dog())
    for length in range(len(value)):
        [decided] = hub.take(hub.owner.message(hub.owner.key(dog()), value[:length]))
        assert decided.outcome is REJECTED


def test_what_cannot_be_processed_is_rejected() -> None:
    hub = Hub(partitions=3)
    owner, key = hub.owner, hub.owner.key(dog())
    good = owner.value("c", None, dog())
    elsewhere = (partition_of(key, 3) + 1) % 3
    bad = {
        "trailing byte": owner.message(key, good + b"\x00"),
        "no key": owner.message(None, good),
        "foreign key": owner.message(owner.key(dog("b")), good),
        "key with another schema": owner.message(Owner(hub.type, key_id=99).key(dog()), good),
        "key not in wire format": owner.message(b"a", good),
        "wrong partition": owner.message(key, good, elsewhere),
        "wrong partition of a null message": owner.message(key, None, elsewhere),
        "unknown schema": owner.message(key, good[:4] + bytes([VALUE_ID + 1]) + good[5:]),
        "not in wire format": owner.message(key, b"\x01" + good[1:]),
        "empty": owner.message(key, b""),
        "unknown op": owner.message(key, owner.value("x", None, dog())),
        "truncate": owner.message(key, owner.value("t", None, None)),
        "create without after": owner.message(key, owner.value("c", None, None)),
        "update without after": owner.message(key, owner.value("u", dog(), None)),
        "delete with after": owner.message(key, owner.value("d", None, dog())),
        "too large": owner.message(key, owner.value("c", None, dog(town="x" * 400_000))),
    }
    for what, message in bad.items():
        [decided] = hub.take(message)
        assert (what, decided.outcome) == (what, REJECTED)
        assert decided.why


def test_an_owner_s_marker_is_a_control() -> None:
    hub = Hub()
    [decided] = hub.take(hub.owner.message(None, hub.owner.value("m", None, None)))
    assert (decided.outcome, decided.deliveries) == (CONTROL, ())


def test_an_older_version_is_stale() -> None:
    hub = Hub(version="seen")
    [_, decided] = hub.take(hub.owner.put(dog(seen=2)), hub.owner.put(dog(seen=1, town="busan")))
    assert (decided.outcome, decided.deliveries) == (STALE, ())


def test_another_content_under_the_same_version_is_rejected() -> None:
    hub = Hub(version="seen")
    decided = hub.take(hub.owner.put(dog()), hub.owner.put(dog(town="busan")), hub.owner.put(dog()))
    assert [each.outcome for each in decided] == [APPLIED, REJECTED, UNCHANGED]


def test_a_deleted_record_keeps_its_version() -> None:
    hub = Hub(version="seen")
    story = [hub.owner.put(dog(seen=2)), hub.owner.remove(dog(seen=2)), hub.owner.put(dog(seen=1)), hub.owner.put(dog(seen=2))]
    decided = hub.take(*story, hub.owner.put(dog(seen=3)))
    assert [each.outcome for each in decided] == [APPLIED, APPLIED, STALE, STALE, APPLIED]
    assert only(decided[4]).op == "c"


def test_an_older_delete_is_stale() -> None:
    hub = Hub(version="seen")
    decided = hub.take(hub.owner.put(dog(seen=2)), hub.owner.remove(dog(seen=1)), hub.owner.message(hub.owner.key(dog()), None))
    assert [each.outcome for each in decided] == [APPLIED, STALE, APPLIED]


def test_a_whole_topic_repeated_delivers_nothing() -> None:
    hub = Hub(version="seen")
    gone, back = dog("b", seen=1), dog("b", seen=2)
    story = [dog(seen=1), dog(seen=2, town="busan"), gone]
    first = hub.take(*map(hub.owner.put, story), hub.owner.remove(gone), hub.owner.put(back))
    again = hub.take(*map(hub.owner.put, story), hub.owner.remove(gone), hub.owner.put(back))
    assert {each.outcome for each in first} == {APPLIED}
    assert [each.outcome for each in again] == [STALE, UNCHANGED, STALE, STALE, UNCHANGED]


def test_both_sums_are_conserved() -> None:
    hub = Hub(rows="town = 'seoul'")
    towns = ["seoul", "busan", None, "seoul", "seoul", "jeju"]
    messages = [hub.owner.put(dog(str(i % 2), town=town, seen=i)) for i, town in enumerate(towns)]
    decided = hub.take(*messages, hub.owner.message(None, None))
    tally = hub.reference.tallies[0]
    assert sum(hub.reference.outcomes.values()) == len(decided) == 7
    assert sum(tally.delivered.values()) + tally.withheld + tally.unchanged == hub.reference.outcomes[APPLIED]
