"""Schema ids are kept for ever and never given twice, through restarts and kill -9."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

from sqlalchemy import delete, text, true

from gongyu_hub.registry import schemas
from gongyu_hub.registry.avro_text import ParsedSchema, parse_schema
from gongyu_hub.registry.database import open_database
from gongyu_hub.registry.tables import SchemaText, SubjectVersion
from tests.hub.registry.conftest import Opened


def record(number: int) -> ParsedSchema:
    return parse_schema(json.dumps({"type": "record", "name": f"R{number}", "fields": []}))


def test_registering_again_gives_the_same_id_also_under_another_subject(tmp_path: Path, opened: Opened) -> None:
    database = opened(tmp_path)
    with database.writing() as session:
        ids = [schemas.register(session, subject, record(0)) for subject in ("a-value", "a-value", "b-value")]
        assert len(set(ids)) == 1
        assert [(use.subject, use.version) for use in schemas.uses(session, ids[0], true())] == [("a-value", 1), ("b-value", 1)]
        other = schemas.register(session, "a-value", record(1))
        assert [(each.version, each.schema_id) for each in schemas.versions(session, "a-value", true())] == [(1, ids[0]), (2, other)]
    database.close()


def test_an_id_is_not_given_again_even_when_its_row_is_gone(tmp_path: Path, opened: Opened) -> None:
    database = opened(tmp_path)
    with database.writing() as session:
        on = "" if session.connection().dialect.name == "sqlite" else " ON {}"
        for table in ("subject_version", "schema_text"):  # by a hand that has power over the database
            session.execute(text(f"DROP TRIGGER {table}_delete{on.format(table)}"))
        highest = [schemas.register(session, "a-value", record(number)) for number in range(3)][-1]
        session.execute(delete(SubjectVersion).where(SubjectVersion.schema_id == highest))
        session.execute(delete(SchemaText).where(SchemaText.id == highest))
    database.close()
    database = opened(tmp_path)
    with database.writing() as session:
        assert schemas.register(session, "a-value", record(9)) > highest
    database.close()


WRITER = textwrap.dedent(
    """
    import itertools, json, sys, threading
    from pathlib import Path
    from gongyu_hub.registry import schemas
    from gongyu_hub.registry.avro_text import parse_schema
    from gongyu_hub.registry.database import open_database

    url = sys.argv[3] if len(sys.argv) > 3 else None
    pause, tries = threading.Event(), iter(range(600))  # PostgreSQL notices in a moment that the one before was killed
    database = open_database(Path(sys.argv[1]), url, lambda: next(tries, None) is not None and not pause.wait(0.05))
    for number in itertools.count(int(sys.argv[2])):
        parsed = parse_schema(json.dumps({"type": "record", "name": f"R{number}", "fields": []}))
        with database.writing() as session:
            schema_id = schemas.register(session, "a-value", parsed)
        print(number, schema_id, flush=True)
    """
)


def test_kill_9_loses_no_id_that_was_answered(tmp_path: Path, url: str | None) -> None:
    answered: dict[int, int] = {}
    for attempt in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(attempt * 1000), *([] if url is None else [url])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(5 + 7 * attempt):
                number, schema_id = map(int, writer.stdout.readline().split())
                assert schema_id not in answered.values()
                answered[number] = schema_id
            writer.kill()
            for line in writer.stdout.read().splitlines():
                if len(line.split()) == 2 and line.endswith(tuple("0123456789")):
                    answered[int(line.split()[0])] = int(line.split()[1])
    pause, tries = threading.Event(), iter(range(600))
    database = open_database(tmp_path, url, lambda: next(tries, None) is not None and not pause.wait(0.05))
    with database.reading() as session:
        for number, schema_id in list(answered.items())[:-1]:
            assert schemas.uses(session, schema_id, true())[0].text == record(number).text
    database.close()
