"""Messages of `hub.subjects.<type>`: which subjects are on which list.

A list belongs to a subscriber and an information type. Key: `<subscriber>/<list>`, a zero byte, then the subject as it is the key
of the owner topic (wire format and Avro body), so that the last message of a key says whether that subject is on that list:
`ADDED`, or null. A message lies in the partition of the *subject* as the key of the owner topic, beside its records.
The time of a change is the Kafka message's.
"""

from __future__ import annotations

from gongyu_schemas.names import NAME

ADDED = b"added"
_END = b"\x00"


def list_name(subscriber: str, name: str) -> str:
    """The list's name within its information type; no two lists share one, as names hold no '/'."""
    return f"{subscriber}/{name}"


def entry_key(name: str, subject_key: bytes) -> bytes:
    """Message key for a list (as `list_name` gives it) and a subject (as the owner topic's key)."""
    return name.encode() + _END + subject_key


def split_entry_key(key: bytes) -> tuple[str, bytes]:
    """(list, subject key). Raises ValueError."""
    name, end, subject_key = key.partition(_END)
    text = name.decode("ascii")
    if not end or len(parts := text.split("/")) != 2 or not all(map(NAME.fullmatch, parts)):
        raise ValueError("the key does not begin with the name of a list")
    return text, subject_key
