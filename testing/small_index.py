"""A package index on this machine, which offers a few files in the form of PEP 691."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from specroll.stack.index import JSON_FORM
from specroll.stack.sets import normalised

HTML = "text/html"


@dataclass
class SmallIndex:
    """What an index offers, and how it answers.

    For example `SmallIndex([Path("alpha-1.0.tar.gz")])` has the page `/simple/alpha/`, which leads
    to `/files/alpha-1.0.tar.gz`.
    """

    files: list[Path] = field(default_factory=list)
    # Names of files that were taken back.
    yanked: set[str] = field(default_factory=set)
    form: str = JSON_FORM
    # Answers in the place of pages and files, by their paths.
    answers: dict[str, bytes] = field(default_factory=dict)
    # What `Authorization` must hold, where it must hold anything.
    authorization: str | None = None
    asked_for: list[str] = field(default_factory=list)
    url: str = ""

    def content(self, path: str) -> bytes | None:
        """Return what lies at a path, None where nothing does."""
        self.asked_for.append(path)
        if path in self.answers:
            return self.answers[path]
        place, _, name = path.strip("/").partition("/")
        if place == "files":
            return next((file.read_bytes() for file in self.files if file.name == name), None)
        entries = [self.entry(file) for file in self.files if _distribution(file) == name]
        return json.dumps({"files": entries}).encode() if entries else None

    def entry(self, file: Path) -> dict[str, Any]:
        """Return what a page says of a file."""
        data = file.read_bytes()
        return {
            "filename": file.name,
            "url": f"../../files/{file.name}",
            "hashes": {"sha256": sha256(data).hexdigest()},
            "size": len(data),
            "yanked": "a fault" if file.name in self.yanked else False,
        }

    @contextmanager
    def served(self) -> Iterator[SmallIndex]:
        """Serve it, with its address in `url`."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805
                self.answer(handler)

            def log_message(handler, *_: object) -> None:  # noqa: N805
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/simple"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        data = self.content(handler.path)
        is_known = self.authorization in (None, handler.headers["Authorization"])
        handler.send_response(401 if not is_known else 404 if data is None else 200)
        handler.send_header("Content-Type", self.form)
        handler.send_header("Content-Length", str(len(data or b"") if is_known else 0))
        handler.end_headers()
        if is_known:
            handler.wfile.write(data or b"")


def _distribution(file: Path) -> str:
    return normalised(file.name.partition("-")[0])
