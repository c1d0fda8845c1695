"""Names of topics, registry subjects, Kafka users and consumer groups.

A name has no dot, so no organisation's name is a prefix of another's topics and prefixed ACLs are exact.
"""

from __future__ import annotations

import re

from gongyu_schemas.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

POLICY_TOPIC = "hub.policy"
CONTROL_TOPIC = "hub.control"
ADOPTIONS_TOPIC = "hub.adoptions"
CLOCK_TOPIC = "hub.clock"
DEAD_LETTER_TOPIC = "hub.dead-letter"
ADMIN_USER = "admin"
HUB_USER = "hub"
HUB_GROUP = "hub.worker"
HUB_TRANSACTIONAL_PREFIX = "hub."
#: Of every control plane, so that the newest cuts off the one before; not a worker's to use, nor any worker's name.
CONTROL_TRANSACTIONAL_ID = "control"


def owner_and_type(topic: str) -> tuple[str, str]:
    """Of an owner topic's name: names hold no dots."""
    _, owner, information_type = topic.split(".")
    return owner, information_type


def check_name(name: str, what: str) -> str:
    """The name itself if it is one. Raises ConfigError saying what it should name."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{what} {name!r} is not a name: use 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit")
    return name


def owner_topic(owner: str, information_type: str) -> str:
    return f"owner.{owner}.{information_type}"


def grant_topic(subscriber: str, grant: str) -> str:
    return f"grant.{subscriber}.{grant}"


def state_topic(information_type: str) -> str:
    return f"hub.state.{information_type}"


def subjects_topic(information_type: str) -> str:
    return f"hub.subjects.{information_type}"


def notice_topic(subscriber: str) -> str:
    return f"notice.{subscriber}"


def key_subject(topic: str) -> str:
    """Registry subject of a topic's key schema (Confluent's TopicNameStrategy)."""
    return f"{topic}-key"


def value_subject(topic: str) -> str:
    return f"{topic}-value"


def owner_user(owner: str) -> str:
    return f"owner.{owner}"


def owner_of_user(user: str) -> str | None:
    """The owner whose Kafka user this is; None where it is no owner's."""
    prefix = owner_user("")
    return user.removeprefix(prefix) if user.startswith(prefix) else None


def subscriber_user(subscriber: str) -> str:
    return f"subscriber.{subscriber}"


def subscriber_group_prefix(subscriber: str) -> str:
    return f"subscriber.{subscriber}."


def owner_transactional_prefix(owner: str) -> str:
    return f"owner.{owner}."


def avro_name(name: str) -> str:
    """A gongyu name as an Avro name: '-' becomes '_'; unique because names hold no '_'."""
    changed = name.replace("-", "_")
    return f"_{changed}" if changed[0].isdigit() else changed
