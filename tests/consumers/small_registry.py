"""A schema registry of one dictionary: the routes that a subscriber uses, over real HTTP, with Basic credentials."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class SmallRegistry:
    """`add` schemas, serve them at `url`; `broken` makes every answer 503."""

    def __init__(self, user: str, password: str) -> None:
        self.schemas: dict[int, str] = {}
        self.latest: dict[str, int] = {}
        self.broken = False
        self.asked: list[str] = []
        self._login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answerer())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, subject: str, schema: Any) -> int:
        schema_id = len(self.schemas) + 1
        self.schemas[schema_id] = json.dumps(schema)
        self.latest[subject] = schema_id
        return schema_id

    def answer(self, path: str, login: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if self.broken:
            return 503, {"error_code": 50301, "message": "broken"}
        if login != self._login:
            return 401, {"error_code": 40101, "message": "who are you?"}
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["schemas", "ids"] and int(parts[2]) in self.schemas:
            return 200, {"schema": self.schemas[int(parts[2])]}
        if parts[0] == "subjects" and parts[-1] == "latest" and parts[1] in self.latest:
            schema_id = self.latest[parts[1]]
            return 200, {"subject": parts[1], "version": 1, "id": schema_id, "schema": self.schemas[schema_id]}
        return 404, {"error_code": 40403, "message": "not found"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answerer(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Answerer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, content = registry.answer(self.path, self.headers.get("Authorization"))
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Quiet."""

        return Answerer
