"""The worker's settings: read once at start, frozen. What changes at run time is policy, not configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: Of one image. A delivery holds two images at most, and Kafka's message limit on grant topics is twice this and a margin.
MAX_IMAGE_BYTES = 400_000
#: Of the message key and `source.act` together: both go into deliveries as they are.
MAX_KEY_AND_ACT_BYTES = 200_000


class Settings(BaseModel):
    """One worker. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(default="worker-1", description="name of the worker: its transactional id and static group membership")
    store_dir: Path = Field(description="folder of the image stores, a cache of the state topics")
    pseudonym_key: Path = Field(default=Path("secrets", "pseudonym.key"), description="file of the key that pseudonyms are made with")
    metrics_host: str = Field(default="127.0.0.1", description="address on which metrics are served")
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(default=0, description="port of the metrics; 0 = any free one")
    batch_messages: Annotated[int, Field(ge=1)] = Field(default=10_000, description="messages taken from Kafka at a time")
    commit_interval_s: Annotated[float, Field(gt=0, le=5)] = Field(default=1.0, description="longest a transaction stays open under load")
    commit_bytes: Annotated[int, Field(ge=1)] = Field(default=64_000_000, description="most bytes that one transaction delivers")
    max_rejections: Annotated[int, Field(ge=1)] = Field(default=100, description="rejections in a row that pause a partition")
    policy_max_age_s: Annotated[float, Field(gt=0)] = Field(default=30.0, description="oldest heartbeat under which inputs are read")
    session_timeout_s: Annotated[float, Field(ge=6)] = Field(default=10.0, description="silence after which another worker takes over")
