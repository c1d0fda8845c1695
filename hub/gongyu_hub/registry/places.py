"""YAML with the place of every node.

Enters a file's text; leaves plain data and, for each path into it, the line and column of the value and of its key. Mistakes
of YAML itself, keys given twice, aliases (a small file could grow without bound) and other tags than YAML's own
are `Mistake`s with their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

TEXT_CHARS_MAX = 4_000_000
_NESTING_MAX = 20
_YAML_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Counted from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One line for the user: where, which part, what is wrong, what to do."""

    place: Place
    path: str
    what: str
    remedy: str

    def text(self, file: str) -> str:
        where = f"{file}:{self.place.line}:{self.place.column}"
        return f"{where}: {self.path}: {self.what}; {self.remedy}"


class NotYaml(Exception):
    """The text cannot be read at all; `mistake` says where."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.what)
        self.mistake = mistake


@dataclass(frozen=True, slots=True)
class Document:
    """`data` and its places; `scalars` keeps the nodes of texts, for places inside them."""

    text: str
    data: Any
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    scalars: dict[Path, yaml.ScalarNode] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Of the value, or of the nearest part around it that exists."""
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def show(path: Path) -> str:
    """`grants[1].fields[0]`; the file itself is `policy`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).lstrip(".") or "policy"


def read_document(text: str) -> Document:
    """Raises NotYaml where there is no single YAML document."""
    if len(text) > TEXT_CHARS_MAX:
        raise NotYaml(Mistake(Place(1, 1), "policy", f"the file has more than {TEXT_CHARS_MAX} characters", "split it"))
    try:
        _check_events(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
        raise NotYaml(Mistake(place, "policy", f"not YAML: {error.problem or error.context}", "mend the text there")) from error
    except yaml.reader.ReaderError as error:
        where = _place_of_index(text, error.position)
        raise NotYaml(Mistake(where, "policy", "a character that YAML does not allow", "remove it")) from error
    reader = _Reader(Document(text, None))
    data = None if root is None else reader.read(root, ())
    seen = reader.document
    return Document(text, data, seen.values, seen.keys, seen.scalars, seen.mistakes)


def _check_events(text: str) -> None:
    """Before the composer recurses and follows aliases."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        mark = event.start_mark
        place = Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)
        if depth > _NESTING_MAX:
            raise NotYaml(Mistake(place, "policy", f"nested deeper than {_NESTING_MAX}", "write it flatter"))
        if isinstance(event, yaml.AliasEvent):
            raise NotYaml(Mistake(place, "policy", f"alias *{event.anchor} is not supported", "write the value out"))


def _place_of_index(text: str, index: int) -> Place:
    before = text[:index]
    return Place(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


class _Reader:
    """Walks the node tree once, filling the document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._loader = yaml.SafeLoader("")

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.document.values[path] = _start(node)
        if not node.tag.startswith(_YAML_TAG):
            self._mistake(node, path, f"tag {node.tag} is not supported", "write a plain value")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> Mapping[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(key_node, path, "a key must be a plain name", "write `name: value`")
                continue
            key = key_node.value
            if key in result:
                self._mistake(key_node, (*path, key), f"key {key!r} is given twice", "keep one of them")
                continue
            self.document.keys[(*path, key)] = _start(key_node)
            result[key] = self.read(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.ScalarNode):
            self.document.scalars[path] = node
        try:
            return self._loader.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError):
            kind = node.tag.rpartition(":")[2]
            if kind == "timestamp":
                self._mistake(node, path, f"{node.value} is not a day of the calendar", "write it like 2026-01-31")
            else:
                self._mistake(node, path, f"{node.value!r} is not a value of type {kind}", "put texts in quotes")
            return None

    def _mistake(self, node: yaml.Node, path: Path, what: str, remedy: str) -> None:
        self.document.mistakes.append(Mistake(_start(node), show(path), what, remedy))


def _start(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
