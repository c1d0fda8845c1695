"""A grant that is ended: its subscriber reads nothing more of it, nothing more is delivered, and everybody else goes on as before."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from prometheus_client.parser import text_string_to_metric_families

from gongyu_hub.operating.connection import Commands
from gongyu_hub.operating.partitions import reading
from gongyu_hub.operating.status import describe
from gongyu_schemas import exit_codes
from gongyu_schemas.names import grant_topic, subscriber_group_prefix, subscriber_user
from gongyu_schemas.transport.clients import make_admin, make_consumer
from tests.faults.changes import GRANTS, change
from tests.kafka.operator_asks import answer, ask
from tests.running import BIN, Process, Published, RunningHub
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
REASON = "order 17 of the owner"
HERE = Path(__file__).parent
DAY_S = 86_400


def stop(of: Published, grant: str) -> dict[str, Any]:
    found: dict[str, Any] = answer(of.hub, "grant", "stop", of.subscriber, grant, "--reason", REASON)
    return found


def state(of: Published) -> dict[str, Any]:
    with reading(of.hub.profile("hub")) as kafka:
        found: dict[str, Any] = describe(kafka.stand(of.type.name), 0, Commands(of.hub.directory))["types"][0]
    return found


def ended(of: Published) -> dict[str, tuple[str, str]]:
    """By grant, who ended it and why, as workers are told."""
    return {each["grant"]: (each["who"], each["reason"]) for each in state(of)["ended_grants"]}


def may_be_read(of: Published, grant: str) -> bool:
    """Whether its subscriber has any right on the topic."""
    topic = grant_topic(of.subscriber, grant)
    rights = AclBindingFilter(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{subscriber_user(of.subscriber)}",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    client = make_admin(of.hub.profile("admin"))
    return bool(client.describe_acls(rights).result(10))


def post_stop(of: Published, grant: str) -> httpx2.Response:
    url = of.hub.profile("hub").registry
    login = ("admin", of.hub.profile("admin").password.get_secret_value())
    path = f"{url}/operation/grants/{of.subscriber}/{grant}/stop"
    return httpx2.post(path, json={"reason": REASON}, auth=login, timeout=30, trust_env=False)


def effects(hub: RunningHub) -> list[dict[str, Any]]:
    """As the control plane tells the hub's own user."""
    profile = hub.profile("hub")
    login = (profile.user, profile.password.get_secret_value())
    found: list[dict[str, Any]] = httpx2.get(f"{profile.registry}/effect", auth=login, timeout=30, trust_env=False).json()
    return found


def measured(hub: RunningHub, of: Published) -> dict[str, float]:
    """Of a type, in the control plane's metrics."""
    assert hub.control is not None
    address = json.loads(hub.control.ready('"event": "metrics"'))["at"]
    names = {"gongyu_policy_effect_seconds_count": "count", "gongyu_policy_missing_partitions": "missing"}
    return {
        names[sample.name]: sample.value
        for family in text_string_to_metric_families(httpx2.get(address, timeout=10, trust_env=False).text)
        for sample in family.samples
        if sample.name in names and sample.labels["information_type"] == of.type.name
    }


def subscriber_says(of: Published, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [str(BIN / "gongyu-subscriber"), *arguments, "--profile", str(of.hub.profile_path(subscriber_user(of.subscriber)))]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def connected(of: Published, grant: str) -> Iterator[Callable[[], KafkaError | None]]:
    """A reader that has read something; asked, it tells the error of its next fetches."""
    group = subscriber_group_prefix(of.subscriber) + "reader"
    consumer = make_consumer(of.hub.profile(subscriber_user(of.subscriber)), **{"group.id": group, "enable.auto.commit": False})
    consumer.assign([TopicPartition(grant_topic(of.subscriber, grant), number, 0) for number in range(4)])
    wait_until(lambda: (found := consumer.poll(1)) is not None and found.error() is None, 30, "something read")

    def refusal() -> KafkaError | None:
        found = consumer.poll(1)
        return None if found is None else found.error()

    yield refusal
    consumer.close()


@contextmanager
def other_control_plane(hub: RunningHub, script: str, *arguments: str | Path) -> Iterator[Process]:
    """The hub's control plane by another program; afterwards its own is there again."""
    assert hub.control is not None
    hub.control.stop()
    serve = ("serve", "--dir", hub.directory, "--policy", hub.policy, "--types", hub.types)
    hub.control = Process(hub.directory / "serve.log", sys.executable, HERE / script, *arguments, *serve)
    hub.control.ready("control plane: ready")
    yield hub.control
    hub.control.stop()
    hub.start()


@pytest.mark.timeout(300)
def test_a_grant_ended_during_a_stream_is_cut_off_exactly_and_the_others_go_on(
    hub: RunningHub, unique: Callable[[str], str], tmp_path: Path
) -> None:
    of, rng = hub.add_type("person", unique("stopped"), GRANTS), random.Random(1)
    with hub.working("worker-1"):
        change(of, rng, 500)
        of.settled()
        with connected(of, "rich") as refusal:
            change(of, rng, 3000, flush=False)
            first = stop(of, "rich")
            cut = wait_until(refusal_of(refusal), 20, "the connected reader refused")
            assert cut.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        change(of, rng, 1000)
        of.settled()
        assert (first["in_effect"], first["epoch"], first["who"], first["reason"]) == (True, 2, "admin", REASON)
        again = answer(hub, "grant", "stop", of.subscriber, "rich", "--reason", "something else")
        assert again == first, "repeated, it changes nothing"
        result = of.check()
        stands = state(of)
        assert (stands["grants"], stands["epoch"], stands["in_effect"]) == (2, 2, True) and ended(of) == {"rich": ("admin", REASON)}
        delivered = {each.terms.name: each.received for each in result.grants}
        assert delivered["rich"] > 0 and result.inputs > 4000

    [effect] = [each for each in effects(hub) if each["information_type"] == of.type.name]
    assert (effect["epoch"], effect["in_effect"], effect["missing_partitions"], effect["decided_ms"]) == (2, True, [], first["ended_ms"])
    taken_ms = effect["in_effect_since_ms"] - first["ended_ms"]
    assert 0 <= taken_ms < 30_000 and stands["in_effect_since"] is None, "asked of one type alone, it is not looked for"
    wait_until(lambda: measured(hub, of) == {"count": 2.0, "missing": 0.0}, 20, "measured")
    status = ask(hub, "status").stdout
    assert "everywhere since" in status and f"ended: grant {of.subscriber}/rich since " in status and REASON in status
    why = answer(hub, "explain", f"{of.subscriber}/rich", given="p0000001")
    assert (
        not why["given"]
        and why["because"].startswith("the grant has ended: since ")
        and why["because"].endswith(f"by admin, for: {REASON}")
    )

    target = f"sqlite:///{tmp_path / 'bank.db'}"
    for more in (("--exit-at-end",), ("--daemon",)):
        refused = subscriber_says(of, "receive", "rich", "--to", target, *more)
        assert refused.returncode == exit_codes.USAGE and f"by admin, for: {REASON}; nothing more is delivered" in refused.stderr
    shown = {each["grant"]: each for each in json.loads(subscriber_says(of, "grants", "--json").stdout)}
    assert shown["rich"]["ended"]["reason"] == REASON and shown["all"]["ended"] is None and shown["rich"]["place"] is None
    assert f"ended    since {shown['rich']['ended']['since']}, by admin, for: {REASON}" in subscriber_says(of, "grants").stdout

    # The policy file may go on naming it, or drop it; it stays ended.
    mine = hub.policy_content["grants"]
    hub.policy_content["grants"] = [each for each in mine if (each["subscriber"], each["grant"]) != (of.subscriber, "rich")]
    hub.add_type("person", unique("other"), {"all": GRANTS["all"]})
    assert not may_be_read(of, "rich") and ended(of) == {"rich": ("admin", REASON)}
    assert of.check().inputs == result.inputs, "its topic is checked without the file"
    print(f"{result.inputs} inputs, {delivered['rich']} deliveries before the end")


def refusal_of(ask_next: Callable[[], KafkaError | None]) -> Callable[[], KafkaError | None]:
    def refused() -> KafkaError | None:
        error = ask_next()
        return error if error is not None and error.code() != KafkaError._PARTITION_EOF else None

    return refused


def test_what_cannot_be_ended_is_told(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of = hub.add_type("person", unique("asked"), {"all": GRANTS["all"]})
    unknown = ask(hub, "grant", "stop", of.subscriber, "nothing", "--reason", REASON)
    assert unknown.returncode == exit_codes.USAGE and "has no grant 'nothing' in force" in unknown.stderr
    for reason in ("", "   ", "two\nlines", "x" * 501):
        refused = ask(hub, "grant", "stop", of.subscriber, "all", "--reason", reason)
        assert refused.returncode == exit_codes.USAGE and "a line of 1 to 500 characters" in refused.stderr
    assert ask(hub, "grant", "stop", of.subscriber, "all").returncode == exit_codes.USAGE, "without a reason"
    assert ended(of) == {} and may_be_read(of, "all")


@pytest.mark.timeout(300)
def test_a_worker_killed_around_the_end_and_one_that_comes_later_agree(hub: RunningHub, unique: Callable[[str], str]) -> None:
    of, rng = hub.add_type("person", unique("killed"), GRANTS), random.Random(2)
    with hub.working("worker-1") as worker:
        change(of, rng, 1500)
        line = [str(BIN / "gongyu-hub"), "grant", "stop", of.subscriber, "seoul", "--reason", REASON, "--dir", str(hub.directory)]
        stopping = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        change(of, rng, 3000, flush=False)
        wait_until(lambda: '"epoch": 2' in worker.text(), 60, "the end, read by the worker")
        worker.kill()
    of.flush()
    with hub.working("worker-1"):
        assert stopping.wait(60) == 0
        of.settled()
    without = stop(of, "all")
    assert (without["in_effect"], without["not_in_effect_in"]) == (False, [0, 1, 2, 3]), "nobody works"
    [effect] = [each for each in effects(hub) if each["information_type"] == of.type.name]
    assert (effect["epoch"], effect["missing_partitions"], effect["in_effect_since_ms"]) == (3, [0, 1, 2, 3], None)
    wait_until(lambda: measured(hub, of) == {"count": 2.0, "missing": 4.0}, 20, "the partitions missing")
    change(of, rng, 500)
    with hub.working("worker-2"):
        of.settled()
        change(of, rng, 200)
        of.settled()
        assert state(of)["in_effect"]
    result = of.check()
    assert set(ended(of)) == {"seoul", "all"}
    print(f"{result.inputs} inputs, 1 kill, 2 ends")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["before-right", "after-right", "after-publishing"])
def test_a_control_plane_killed_in_the_middle_completes_it_at_its_next_start(
    hub: RunningHub, unique: Callable[[str], str], point: str
) -> None:
    of, rng = hub.add_type("person", unique(point), GRANTS), random.Random(3)
    with hub.working("worker-1"):
        change(of, rng, 500)
        with other_control_plane(hub, "stop_killed.py", point) as control:
            with pytest.raises(httpx2.HTTPError):
                post_stop(of, "rich")
            assert control.process.wait(30) != 0
            assert may_be_read(of, "rich") == (point == "before-right")
            assert ("rich" in ended(of)) == (point == "after-publishing"), "the right goes first"
            change(of, rng, 300)
        assert ended(of) == {"rich": ("admin", REASON)} and not may_be_read(of, "rich"), "though the policy file names it"
        assert post_stop(of, "rich").json()["epoch"] == 2
        wait_until(lambda: state(of)["in_effect"], 30, "in effect")
        change(of, rng, 300)
        of.settled()
    of.check()


@pytest.mark.timeout(300)
def test_the_clock_ends_what_lapses_and_nothing_while_it_is_wrong(hub: RunningHub, unique: Callable[[str], str], tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    yesterday = str(today - timedelta(days=1))
    law = {"statute": "Test Act", "article": "1", "valid_from": "2020-01-01", "valid_to": str(today)}
    grants = {"day": {"fields": ["id"], "valid_to": yesterday}, "law": {"fields": ["id", "name"], "legal_basis": law}, **GRANTS}
    ahead, rng = tmp_path / "ahead", random.Random(4)
    ahead.write_text(f"{-DAY_S} {-DAY_S}", encoding="utf-8")
    with hub.working("worker-1"):
        with other_control_plane(hub, "serve_elsewhen.py", ahead):
            of = hub.add_type("person", unique("lapsing"), grants)
            change(of, rng, 500)
            of.settled()
            assert ended(of) == {}
        of_day = {"day": ("clock", f"its last day was {yesterday}")}
        assert hub.control is not None and ended(of) == of_day, "it lapsed while the control plane was down"
        said = hub.control.text()
        assert said.index('"grant": "day"') < said.index("control plane: ready")
        wait_until(lambda: state(of)["in_effect"], 30, "in effect")
        change(of, rng, 500)
        ahead.write_text("0 0", encoding="utf-8")
        with other_control_plane(hub, "serve_elsewhen.py", ahead) as control:
            ahead.write_text("3600 0", encoding="utf-8")
            control.ready("no epoch is published")
            health = httpx2.get(f"{hub.profile('hub').registry}/health/ready", timeout=30, trust_env=False)
            assert health.status_code == 503 and "differ by more than 5 s" in health.json()["reasons"]["clock"]
            delayed = post_stop(of, "rich")
            assert delayed.status_code == 503 and "Decided, but not published yet: this machine's clock" in delayed.json()["message"]
            assert ended(of) == of_day and not may_be_read(of, "rich"), "its subscriber is cut off whatever the time is"
            ahead.write_text(f"{2 * DAY_S} 0", encoding="utf-8")
            control.ready("no epoch is published")
            ahead.write_text("0 0", encoding="utf-8")
            wait_until(lambda: ended(of) == {**of_day, "rich": ("admin", REASON)}, 30, "completed when the clock is right")
            ahead.write_text(f"{DAY_S} {DAY_S}", encoding="utf-8")
            lapsed = f"its legal basis lapsed: the last day of Test Act, 1 was {today}"
            wait_until(lambda: ended(of).get("law") == ("clock", lapsed), 30, "the law's end")
        change(of, rng, 500)
        of.settled()
        wait_until(lambda: state(of)["in_effect"], 30, "in effect")
    result = of.check()
    assert (state(of)["epoch"], state(of)["grants"], set(ended(of))) == (4, 2, {"day", "rich", "law"})
    print(f"{result.inputs} inputs, 2 lapses, 1 end while the clock was wrong")
