"""Health for whoever supervises the process: alive; ready, or why not. No log-in, and no name in the answers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gongyu_hub.registry.readiness import Readiness

router = APIRouter(prefix="/health")


@router.get("/live")
async def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    readiness: Readiness = request.app.state.readiness
    reasons = readiness.reasons()
    return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)
