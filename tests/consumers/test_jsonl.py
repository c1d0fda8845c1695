"""JSON lines: every delivery is one line, once; what another program wrote is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from gongyu_consumers.delivery import Image
from gongyu_consumers.sinks.jsonl import JsonlSink
from gongyu_consumers.sinks.lock import TargetLock
from gongyu_consumers.sinks.stdout import StdoutSink
from gongyu_schemas.errors import ConfigError, DatabaseError
from tests.consumers.models import IDENTITY, deliver, mark

BEGIN = mark("begin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.jsonl"


@pytest.fixture
def sink(path: Path) -> Iterator[JsonlSink]:
    opened = JsonlSink(path, IDENTITY)
    yield opened
    opened.close()


def test_a_line_says_all_of_a_delivery(sink: JsonlSink, path: Path) -> None:
    sink.apply([BEGIN, deliver("r", "가", "Seoul", offset=9, partition=2)], {2: 10})
    begin, line = (json.loads(each) for each in path.read_text(encoding="utf-8").splitlines())
    assert begin["copy"] == {"phase": "begin", "number": 1, "partition": 0, "bucket": None}
    assert line == {
        "op": "r",
        "key": {"id": "가"},
        "before": None,
        "after": {"id": "가", "city": "Seoul"},
        "ts_ms": 1000,
        "source": {"partition": 0, "offset": 9, "reason": None, "act": None},
        "purpose": "loan-review",
        "grant": "resident-address",
        "version": 1,
        "topic": "grant.bank.resident-address",
        "partition": 2,
        "offset": 9,
    }


def test_values_are_exact_for_every_json_reader(sink: JsonlSink, path: Path) -> None:
    image: Image = {
        "safe": 2**53 - 1,
        "long": -(2**53),
        "flag": True,
        "nan": float("nan"),
        "low": float("-inf"),
        "half": 0.5,
        "amount": Decimal("0.0000000010"),
        "day": date(1, 1, 1),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "noon": time(12),
        "uuid": UUID(int=1),
        "none": None,
    }
    sink.apply([BEGIN, replace(deliver("r", "a"), after=image)], {0: 2})
    assert json.loads(path.read_text().splitlines()[1])["after"] == {
        "safe": 2**53 - 1,
        "long": "-9007199254740992",
        "flag": True,
        "nan": "NaN",
        "low": "-Infinity",
        "half": 0.5,
        "amount": "0.0000000010",
        "day": "0001-01-01",
        "at": "2026-01-01T00:00:00.000000+00:00",
        "noon": "12:00:00.000000",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "none": None,
    }


def test_a_second_run_goes_on_where_the_first_ended(path: Path) -> None:
    with closing(JsonlSink(path, IDENTITY)) as first:
        first.apply([BEGIN, deliver("r", "a")], {0: 2})
    with path.open("ab") as file:
        file.write(b'{"op":"c","key":{"id"')  # what a dying process left
    with closing(JsonlSink(path, IDENTITY)) as second:
        assert second.positions == {0: 2}
        second.apply([deliver("c", "b")], {0: 3})
    assert [json.loads(line)["op"] for line in path.read_text().splitlines()] == ["m", "r", "c"]


def test_deliveries_before_the_first_begin_are_not_written(path: Path) -> None:
    with closing(JsonlSink(path, IDENTITY)) as first:
        assert first.apply([deliver("u", "a")], {0: 1}).passed_over == 1
    with closing(JsonlSink(path, IDENTITY)) as second:
        assert second.copies.unbegun() == (0,)
    assert path.read_bytes() == b""


def test_a_file_locked_by_another_receiver_is_refused(sink: JsonlSink, path: Path) -> None:
    assert sink.positions == {}
    with pytest.raises(DatabaseError, match="another receiver"):
        JsonlSink(path, IDENTITY)


def test_a_file_of_something_else_is_refused_untouched(path: Path) -> None:
    path.write_text("my notes\n")
    with pytest.raises(ConfigError, match="not written by this program"):
        JsonlSink(path, IDENTITY)
    assert path.read_text() == "my notes\n"


def test_a_file_of_another_grant_is_refused(path: Path) -> None:
    JsonlSink(path, IDENTITY).close()
    with pytest.raises(ConfigError, match="belongs to grant"):
        JsonlSink(path, replace(IDENTITY, grant="other"))


def test_a_file_that_somebody_shortened_is_refused(path: Path) -> None:
    with closing(JsonlSink(path, IDENTITY)) as sink:
        sink.apply([BEGIN], {0: 1})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="shorter"):
        JsonlSink(path, IDENTITY)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "identity": {}}'])
def test_a_sidecar_that_is_not_ours_is_refused(path: Path, content: str) -> None:
    path.with_name("bank.jsonl.offsets.json").write_text(content)
    with pytest.raises(ConfigError, match="not this program's"):
        JsonlSink(path, IDENTITY)


def test_a_newer_format_is_refused(path: Path) -> None:
    path.with_name("bank.jsonl.offsets.json").write_text('{"format": 2}')
    with pytest.raises(DatabaseError, match="update gongyu"):
        JsonlSink(path, IDENTITY)


def test_stdout_gets_lines_and_passes_over_what_came_before_a_copy() -> None:
    stream = io.BytesIO()
    sink = StdoutSink(stream, {})
    effects = sink.apply([deliver("u", "a"), BEGIN, deliver("r", "a")], {0: 3})
    assert effects.passed_over == 1
    assert [json.loads(line)["op"] for line in stream.getvalue().splitlines()] == ["m", "r"]


def test_stdout_with_committed_offsets_goes_on_inside_a_copy() -> None:
    stream = io.BytesIO()
    sink = StdoutSink(stream, {0: 5})
    sink.apply([deliver("u", "a")], {0: 6})
    assert sink.positions == {0: 6}
    assert stream.getvalue().count(b"\n") == 1


def test_a_refused_target_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("not ours\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not written by this program"):
        JsonlSink(path, IDENTITY)
    assert [each.name for each in tmp_path.iterdir()] == ["x.jsonl"]


def test_a_lock_that_was_there_or_that_another_shares_stays(tmp_path: Path) -> None:
    target = tmp_path / "x"
    TargetLock(target).release()
    TargetLock(target).withdraw()
    assert (tmp_path / "x.lock").exists(), "an earlier receiver made it"
    (tmp_path / "x.lock").unlink()
    first, second = TargetLock(target, shared=True), TargetLock(target, shared=True)
    first.withdraw()
    assert (tmp_path / "x.lock").exists(), "another receiver shares it"
    with pytest.raises(DatabaseError, match="another receiver is writing to it"):
        TargetLock(target)
    second.release()


def test_a_lock_on_a_file_that_was_taken_away_meanwhile_is_taken_again(tmp_path: Path) -> None:
    class Late(TargetLock):
        takes = 0

        def _take(self, target: Path, shared: bool) -> None:
            super()._take(target, shared)
            self.takes += 1
            if self.takes == 1:  # a refused receiver withdraws between the opening and the lock
                (tmp_path / "x.lock").unlink()

    late = Late(tmp_path / "x")
    assert late.takes == 2
    with pytest.raises(DatabaseError, match="another receiver is writing to it"):
        TargetLock(tmp_path / "x")
    late.release()
