"""A message of a grant topic becomes a `Delivery`.

The hub writes only what decodes under the schema it names, so a message that does not is no data error: FatalError
with its place, and nothing behind it is read.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from confluent_kafka import Message
from fastavro import schemaless_reader

from gongyu_consumers.delivery import Copy, Delivery, Image, Source
from gongyu_consumers.schemas import KeySchema, KnownSchemas, View
from gongyu_consumers.values import convert_image
from gongyu_schemas.errors import FatalError
from gongyu_schemas.wire import WireError, unframe


def decode(message: Message, schemas: KnownSchemas, received_at_ms: int) -> Delivery:
    """Raises FatalError for a message that is not what its schema says."""
    try:
        schema_id, body = unframe(message.value() or b"")
        view = schemas.view(schema_id)
        content = _read(body, view)
        return Delivery(
            op=content["op"],
            key=_read_key(message.key(), schemas),
            before=_image(content["before"], view),
            after=_image(content["after"], view),
            ts_ms=content["ts_ms"],
            source=Source(**content["source"]),
            copy=None if content["copy"] is None else Copy(**content["copy"]),
            grant=view.grant,
            version=view.version,
            purpose=view.purpose,
            legal_basis=view.legal_basis,
            topic=message.topic() or "",
            partition=_number(message.partition()),
            offset=_number(message.offset()),
            received_at_ms=received_at_ms,
        )
    except (WireError, EOFError, ValueError, LookupError, TypeError) as error:
        place = f"{message.topic()} [{message.partition()}] offset {message.offset()}"
        # The error's text could hold a part of the record: only its kind is told, even in a traceback.
        raise FatalError(f"{place}: the message is not what its schema says ({type(error).__name__}); tell the hub's operator") from None


def _read(body: bytes, schema: View | KeySchema) -> dict[str, Any]:
    stream = BytesIO(body)
    content: dict[str, Any] = schemaless_reader(stream, schema.parsed, None, return_named_type=schema.named)  # type: ignore[assignment] # a record is a dict
    if stream.tell() != len(body):
        raise ValueError("bytes behind the record")
    return {name: value[1] if isinstance(value, tuple) else value for name, value in content.items()} if schema.named else content


def _read_key(key: bytes | str | None, schemas: KnownSchemas) -> Image:
    if key is None:
        return {}
    schema_id, body = unframe(key if isinstance(key, bytes) else key.encode())
    schema = schemas.key(schema_id)
    return convert_image(_read(body, schema), schema.convert)


def _image(image: dict[str, Any] | None, view: View) -> Image | None:
    return image if image is None else convert_image(image, view.convert)


def _number(value: int | None) -> int:
    """The client's stubs allow None, which a received message never has."""
    if value is None:
        raise TypeError("a received message has a place")
    return value
