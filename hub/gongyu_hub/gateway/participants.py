"""Who takes part when the control plane starts: the first operator, and the organisations that types and policy name."""

from __future__ import annotations

from pathlib import Path

import structlog

from gongyu_hub.registry import organisations
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.first_account import BY_ITSELF, keep_operator
from gongyu_hub.registry.policy_check import Policy, Types
from gongyu_hub.registry.roles import Author
from gongyu_hub.registry.token_checks import TokenChecks

LOG = structlog.get_logger()


def keep_operator_token(directory: Path, database: Database, checks: TokenChecks) -> None:
    """Says where it is when it was made."""
    file = keep_operator(directory, database, checks, checks.now_ms())
    if file is not None:
        print(f"control plane: the operator's token is in {file}", flush=True)


def make_known(database: Database, types: Types, policy: Policy, now_ms: int) -> None:
    """Who takes part by types and policy is an organisation, whoever else is one."""
    with database.writing() as session:
        made = organisations.make_known(session, Author(BY_ITSELF, now_ms), types, policy.subscribers)
    if made:
        LOG.info("organisations made known", names=made)
