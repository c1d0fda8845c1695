"""`gongyu-hub work`: one worker process."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from pydantic import ValidationError

from gongyu_hub.hub_folder import read_profile_of
from gongyu_hub.membership import own_name
from gongyu_hub.observe.logs import configure_logs
from gongyu_hub.policy.key_file import KEY_FILE
from gongyu_hub.settings import Settings
from gongyu_schemas import exit_codes
from gongyu_schemas.errors import ConfigError, reported
from gongyu_schemas.metrics_server import read_address, serving
from gongyu_schemas.names import HUB_USER, check_name
from gongyu_schemas.plain_words import mistakes_in
from gongyu_schemas.transport.clients import require_connection
from gongyu_schemas.transport.profile import Profile


class _Stop:
    """Set by SIGTERM and, once there is work, by SIGINT: the loop finishes its transaction and ends. Before, nothing is to be finished."""

    def __init__(self) -> None:
        self._asked = self._working = False
        signal.signal(signal.SIGTERM, self._ask)

    def __call__(self) -> bool:
        return self._asked

    def begin(self) -> None:
        self._working = True
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if not self._working:
            raise SystemExit(exit_codes.OK)


def work(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the hub; profiles and the store live in it.")],
    name: Annotated[str, typer.Option(help="Name of this worker; no two may run under one name.")] = "worker-1",
    profile: Annotated[Path | None, typer.Option(help="Profile of the hub's Kafka user. Default: DIR/profiles/hub.yaml.")] = None,
    pseudonym_key: Annotated[
        Path | None, typer.Option(help="File of the pseudonym key, a copy of the control plane's. Default: DIR/secrets/pseudonym.key.")
    ] = None,
    metrics: Annotated[str, typer.Option(help="Address for Prometheus; port 0 = any free one.")] = "127.0.0.1:0",
    commit_interval: Annotated[float, typer.Option(help="Longest time in seconds that a transaction stays open under load.")] = 1.0,
    max_rejections: Annotated[int, typer.Option(help="Rejections in a row that pause an owner partition.")] = 100,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C; start as many as there is work.

    Example: gongyu-hub work --dir /var/lib/gongyu --name worker-1 --metrics 127.0.0.1:9101
    """
    with reported():
        credentials = read_profile_of(HUB_USER, directory, profile)
        host, port = read_address(metrics)
        try:
            settings = Settings(
                name=check_name(name, "worker"),
                store_dir=directory / "store",
                pseudonym_key=pseudonym_key or directory / KEY_FILE,
                metrics_host=host,
                metrics_port=port,
                commit_interval_s=commit_interval,
                max_rejections=max_rejections,
            )
        except ValidationError as error:
            mistakes = ((name.removesuffix("_s").replace("_", "-"), what) for name, what in mistakes_in(error))
            raise ConfigError("; ".join(f"--{option}: {what}" for option, what in mistakes)) from error
        configure_logs()
        stopping = _Stop()
        with own_name(settings.store_dir, settings.name):
            _run(credentials, settings, stopping)


def _run(credentials: Profile, settings: Settings, stopping: _Stop) -> None:
    from gongyu_hub.engine.warm import warm  # noqa: PLC0415 - numba takes a while to load: not for --help
    from gongyu_hub.observe.metrics import Metrics  # noqa: PLC0415 - as above
    from gongyu_hub.state.open_files import allow_many_files  # noqa: PLC0415 - as above
    from gongyu_hub.worker import Worker  # noqa: PLC0415 - as above

    allow_many_files()
    metrics = Metrics()
    with serving(metrics.registry, settings.metrics_host, settings.metrics_port) as served:
        require_connection(credentials)
        warm()  # compiling lasts longer than a transaction may: not in the first one
        worker = Worker(credentials, settings, metrics, stopping)
        stopping.begin()
        worker.start()
        print(f"worker {settings.name}: ready, metrics at http://{served}/metrics", flush=True)
        worker.run()
