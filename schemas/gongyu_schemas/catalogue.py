"""An information type as the hub tells it to whoever may log in: what exists, whose it is, and what its record looks like.

Leaves JSON's values from a type, and a type from them again, as far as a view can be derived from it: how the hub keeps and
partitions a type, and how its owner publishes it, is not told.
"""

from __future__ import annotations

from typing import Any

from gongyu_schemas.errors import FatalError
from gongyu_schemas.fields import UnsupportedSchema, read_fields
from gongyu_schemas.information_type import InformationType, Publishing, Title


def summarise(information_type: InformationType) -> dict[str, Any]:
    """An entry of the list."""
    return {
        "name": information_type.name,
        "owner": information_type.owner,
        "title": information_type.title.model_dump(),
        "key": list(information_type.key),
    }


def describe(information_type: InformationType) -> dict[str, Any]:
    """One type whole: its summary, how its fields are classified, its record schema."""
    return {
        **summarise(information_type),
        "classification": dict(information_type.classification),
        "record": information_type.record_schema,
    }


def read_description(content: Any) -> InformationType:
    """The inverse of `describe`. Raises FatalError for what is no description, or has fields that this program cannot read."""
    try:
        key = tuple(content["key"])
        return InformationType(
            name=content["name"],
            owner=content["owner"],
            title=Title.model_validate(content["title"]),
            key=key,
            subject=key,
            version=None,
            partitions=1,
            classification=content["classification"],
            publishing=Publishing(),
            record_schema=content["record"],
            fields=read_fields(content["record"]),
        )
    except UnsupportedSchema as error:
        raise FatalError(f"the information type has a field that this program cannot read ({error}): update gongyu") from error
    except (KeyError, TypeError, ValueError) as error:
        raise FatalError(f"the hub's answer describes no information type ({type(error).__name__}); update gongyu") from error
