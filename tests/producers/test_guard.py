"""The delete guard stops what is more than allowed, exactly at the limit."""

from __future__ import annotations

import pytest

from gongyu_producers.guard import GuardStopped, check_deletes, read_limit
from gongyu_schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("limit", "deletes", "published"), [("20%", 200, 1000), ("0", 0, 10), ("5", 5, 5), ("100%", 7, 7), ("0.1%", 1, 1000)]
)
def test_the_limit_itself_is_allowed_and_one_more_is_not(limit: str, deletes: int, published: int) -> None:
    check_deletes(deletes, published, read_limit(limit))
    if deletes < published:
        with pytest.raises(GuardStopped, match="nothing was published"):
            check_deletes(deletes + 1, published, read_limit(limit))


@pytest.mark.parametrize("text", ["", "-1", "20 %", "101%", "1.5", "many"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--max-deletes"):
        read_limit(text)
