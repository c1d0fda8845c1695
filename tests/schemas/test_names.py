from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongyu_schemas import names
from gongyu_schemas.errors import ConfigError
from gongyu_schemas.fields import AVRO_NAME

a_name = st.from_regex(names.NAME, fullmatch=True)


@pytest.mark.parametrize("name", ["a", "7", "bank-hana", "3rd", "a-", "a" * 63])
def test_a_name_is_returned_as_it_is(name: str) -> None:
    assert names.check_name(name, "owner") == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a.b", "a_b", "은행", "a ", "a\n", "a" * 64])
def test_what_is_no_name_is_refused_with_what_it_should_name(name: str) -> None:
    with pytest.raises(ConfigError, match=r"subscriber .* is not a name"):
        names.check_name(name, "subscriber")


def test_topics_subjects_users_and_groups_are_the_documented_ones() -> None:
    assert names.owner_topic("mois", "resident") == "owner.mois.resident"
    assert names.grant_topic("bank-hana", "loan") == "grant.bank-hana.loan"
    assert names.state_topic("resident") == "hub.state.resident"
    assert names.notice_topic("bank-hana") == "notice.bank-hana"
    assert (names.key_subject("t"), names.value_subject("t")) == ("t-key", "t-value")
    assert (names.owner_user("mois"), names.subscriber_user("bank-hana")) == ("owner.mois", "subscriber.bank-hana")
    assert (names.owner_transactional_prefix("mois"), names.subscriber_group_prefix("bank-hana")) == (
        "owner.mois.",
        "subscriber.bank-hana.",
    )
    assert names.HUB_GROUP.startswith(names.HUB_TRANSACTIONAL_PREFIX)
    assert not names.CONTROL_TRANSACTIONAL_ID.startswith(names.HUB_TRANSACTIONAL_PREFIX), "a worker must not be able to cut it off"


@given(a_name, a_name, a_name, a_name)
def test_two_pairs_of_names_never_share_a_topic(one: str, two: str, three: str, four: str) -> None:
    for make in (names.owner_topic, names.grant_topic):
        assert (make(one, two) == make(three, four)) == ((one, two) == (three, four))


@given(a_name, a_name)
def test_no_organisations_prefix_covers_anothers_names(one: str, other: str) -> None:
    for prefix in (names.subscriber_group_prefix, names.owner_transactional_prefix):
        assert prefix(other).startswith(prefix(one)) == (one == other)


@given(st.lists(a_name, unique=True, max_size=6))
def test_different_names_stay_different_as_avro_names(chosen: list[str]) -> None:
    changed = [names.avro_name(name) for name in chosen]
    assert all(AVRO_NAME.fullmatch(name) for name in changed)
    assert all(one != other for one, other in itertools.combinations(changed, 2))
