"""One hub for all chapters of the guide; each chapter has an information type and subscribers of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.guide.walk import Desk


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A folder with a running hub: Kafka, control plane, worker."""
    opened = Desk(tmp_path_factory.mktemp("guide"))
    try:
        opened.open()
        yield opened
    finally:
        opened.close()
