"""Which state a run works with: the one kept for this cluster and topic, a new one, or one in memory.

Raises ConfigError where going on could take lost knowledge for an empty register.
"""

from __future__ import annotations

from pathlib import Path

from gongyu_producers.owner_topic import OwnerTopic
from gongyu_producers.records import Records
from gongyu_producers.state import Identity, State
from gongyu_schemas.errors import ConfigError, GongyuError
from gongyu_schemas.information_type import InformationType


def state_path(state_dir: Path, topic: OwnerTopic) -> Path:
    """One file per (cluster, topic). A cluster id is base64url: fit for a folder's name."""
    return state_dir / topic.cluster / f"{topic.name}.db"


def open_state(
    state_dir: Path,
    topic: OwnerTopic,
    information_type: InformationType,
    records: Records,
    *,
    keep: bool,
    rebuild: bool,
    needs_images: bool,
) -> State:
    """An open state, checked against the topic and locked.

    A run that keeps nothing and a run without need of images (plain mode) do without a file where there is none;
    the latter then knows the topic from its end on.
    """
    path = state_path(state_dir, topic)
    identity = Identity(topic.cluster, topic.name, topic.topic_id, len(topic.begin))
    from_start = dict.fromkeys(topic.begin, 0)
    if rebuild:
        _require_whole(topic)
    elif not path.exists() and any(topic.end.values()):
        if needs_images:
            raise _lost(path, topic)
        state = State(None)
        state.create(identity, information_type, topic.end)
        return state
    state = State(path if keep or (path.exists() and not rebuild) else None, keep=keep)
    try:
        if rebuild or (state.is_new() and not any(topic.end.values())):
            state.create(identity, information_type, from_start)
        elif state.is_new():
            raise _lost(path, topic)
        else:
            state.check(identity, information_type, records)
            _check_offsets(state, topic)
    except GongyuError:
        state.close()
        raise
    return state


def _require_whole(topic: OwnerTopic) -> None:
    cut = [partition for partition, begin in topic.begin.items() if begin > 0]
    if cut:
        raise ConfigError(
            f"--rebuild-state: topic {topic.name} no longer holds its first messages (partitions {', '.join(map(str, cut))}), "
            "so what is published cannot be read from it; restore the state from a backup, or have the topic made again"
        )


def _lost(path: Path, topic: OwnerTopic) -> ConfigError:
    return ConfigError(
        f"topic {topic.name} has been published to, but the local state {path} is missing; a snapshot without it would publish "
        "every record as new and miss the deletes. Give the --state-dir of the earlier runs or restore it from a backup; "
        "if the topic still holds everything from its first message, run once with --rebuild-state"
    )


def _check_offsets(state: State, topic: OwnerTopic) -> None:
    for partition, at in state.next_offsets.items():
        if at > topic.end[partition]:
            raise ConfigError(
                f"{state.path}: knows partition {partition} of {topic.name} up to offset {at}, but it ends at {topic.end[partition]}: "
                "the topic lost messages or the state is another topic's; restore the topic, or run once with --rebuild-state"
            )
        if at < topic.begin[partition]:
            raise ConfigError(
                f"{state.path}: stands at offset {at} of partition {partition} of {topic.name}, but the topic begins at "
                f"{topic.begin[partition]} now: messages published elsewhere were never read here; restore a newer state"
            )
