"""Several receivers of one grant fill one table: started, killed -9 and stopped at random while changes flow, exactly once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gongyu_schemas import exit_codes
from gongyu_schemas.transport.profile import Profile
from tests.consumers import receiver
from tests.consumers.fed_grant import Event, FedGrant, fed_grant
from tests.kafka.test_receive_exactly_once import PARTITIONS, day_of_changes, publish, query
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

MESSAGES = 30_000
TURNS = 8
COUNTS = 'SELECT what, number FROM "gongyu.counts"'
OPS = "cudrm"


@pytest.fixture
def fed(admin: Profile, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[FedGrant]:
    with fed_grant(admin, tmp_path, unique("bank"), partitions=PARTITIONS) as made:
        yield made


def applied(path: Path) -> int:
    found = query(path, COUNTS)
    return sum(found.get(op, 0) for op in OPS)


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    process.send_signal(number)
    return process.communicate(timeout=40)[1]


def _grown(path: Path, goal: int) -> bool:
    return applied(path) >= goal


def test_receivers_that_come_and_go_fill_one_table_exactly_once(fed: FedGrant, tmp_path: Path) -> None:
    path, chance = tmp_path / "bank.db", random.Random(11)
    to = f"sqlite:///{path}"
    events, held = day_of_changes(9, MESSAGES)
    publisher = threading.Thread(target=publish, args=(fed, events))
    running = [receiver.start(fed, to, "--share") for _ in range(3)]
    publisher.start()
    did: Counter[str] = Counter()
    for turn in range(TURNS):
        wait_until(partial(_grown, path, min(len(events), (turn + 1) * MESSAGES // (TURNS + 2))), 90, f"turn {turn}")
        how = signal.SIGKILL if turn % 2 == 0 else signal.SIGTERM
        # SIGTERM is for one that has long come up: it must end well.
        victim = running.pop(chance.randrange(len(running)) if how is signal.SIGKILL else 0)
        end(victim, how)
        did[how.name] += 1
        # On a busy machine even that one may not have come up: then the signal ends it as any program.
        assert victim.returncode in ({exit_codes.OK, -signal.SIGTERM} if how is signal.SIGTERM else {-signal.SIGKILL})
        running.append(receiver.start(fed, to, "--share"))
    publisher.join()
    last = receiver.start(fed, to, "--share", "--exit-at-end", "--json")
    out, err = last.communicate(timeout=120)
    assert last.returncode == exit_codes.OK, err
    for process in running:
        end(process, signal.SIGTERM)
        assert process.returncode == exit_codes.OK
    counts = query(path, COUNTS)
    assert {op: counts.get(op, 0) for op in OPS} == Counter("m" if each.op in {"begin", "end"} else each.op for each in events)
    assert counts.get("inconsistent", 0) == 0
    assert query(path, 'SELECT resident_id, address FROM "resident-address"') == held
    received = json.loads(out)["received"]
    print(f"{len(events):,} messages, {did['SIGKILL']} kill -9 and {did['SIGTERM']} SIGTERM of 3 receivers; {received:,} came to the last")


def test_a_receiver_that_stood_still_finds_its_partitions_taken_and_writes_nothing_twice(fed: FedGrant, tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    to = f"sqlite:///{path}"
    fed.publish(*(Event(op, source=p) for p in range(PARTITIONS) for op in ("begin", "end")))
    zombie = receiver.start(fed, to, "--share")
    wait_until(lambda: applied(path) == 2 * PARTITIONS, 40, "the first copies")
    os.kill(zombie.pid, signal.SIGSTOP)
    fed.publish(*(Event("c", f"{number:05d}", "Seoul", source=number % PARTITIONS) for number in range(3_000)))
    code, _, err = receiver.run(fed, to, "--share", "--exit-at-end")
    assert code == exit_codes.OK, err
    os.kill(zombie.pid, signal.SIGCONT)
    fed.publish(*(Event("u", f"{number:05d}", "Jeju", source=number % PARTITIONS) for number in range(3_000)))
    total = 2 * PARTITIONS + 6_000
    wait_until(lambda: applied(path) >= total, 60, "the changes after")
    end(zombie, signal.SIGTERM)
    assert zombie.returncode == exit_codes.OK
    counts = query(path, COUNTS)
    assert {op: counts.get(op, 0) for op in OPS} == {"c": 3_000, "u": 3_000, "d": 0, "r": 0, "m": 2 * PARTITIONS}
    assert counts.get("inconsistent", 0) == 0
