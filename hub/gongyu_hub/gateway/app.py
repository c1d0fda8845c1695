"""The control plane's HTTP application, put together from its parts."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from gongyu_hub.gateway import catalogue, effect, ended_grants, health, operation, replies, schema_registry, subject_lists
from gongyu_hub.gateway.api.application import PREFIX, make_api
from gongyu_hub.gateway.api.noted import Noted
from gongyu_hub.gateway.catalogue import Catalogue
from gongyu_hub.gateway.login import Door
from gongyu_hub.registry.credentials import Credentials
from gongyu_hub.registry.database import Database
from gongyu_hub.registry.readiness import Readiness
from gongyu_hub.registry.token_checks import TokenChecks
from gongyu_schemas.errors import DatabaseError


def make_app(database: Database, credentials: Credentials, readiness: Readiness, known_types: Catalogue, checks: TokenChecks) -> FastAPI:
    app = FastAPI(title="gongyu control plane", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.database = database
    app.state.door = Door(credentials)
    app.state.readiness = readiness
    app.state.control = app.state.effects = None  # until the policy is published
    app.state.catalogue = known_types
    app.include_router(health.router)
    app.include_router(catalogue.router)
    app.include_router(schema_registry.router)
    app.include_router(operation.router)
    app.include_router(ended_grants.router)
    app.include_router(effect.router)
    app.include_router(subject_lists.router)
    app.mount(PREFIX, Noted(make_api(database, checks, known_types)))
    app.add_exception_handler(replies.RegistryError, replies.answer_registry_error)
    app.add_exception_handler(HTTPException, replies.answer_http_error)
    app.add_exception_handler(DatabaseError, replies.answer_failure)
    app.add_exception_handler(Exception, replies.answer_failure)
    return app
