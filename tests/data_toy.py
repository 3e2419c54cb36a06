"""A web server on this machine that serves bytes as well or as badly as a test wants, and remembers who asked what."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """One address. cut: after how many bytes of each answer the line goes dead, one entry an answer, then no more.

    ranges: whether a part can be asked for. wrong: the server sends another part than was asked for.
    careless: it minds no If-Range.
    """

    body: bytes
    ranges: bool = True
    etag: str = '"one"'
    modified: str = ""
    cut: list[int] = field(default_factory=list)
    status: int = 200
    length: bool = True
    wrong: bool = False
    careless: bool = False
    slow: threading.Event | None = None  # the rest waits for it
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """The server's address, what it serves, and every request: (path, Range header or "")."""

    url: str
    pages: dict[str, Served] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, path: str, body: bytes, **options: Any) -> str:
        """Serve `body` at `path`; its address."""
        self.pages[path] = Served(body, **options)
        return f"{self.url}{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers GET from `site.pages`."""

    site: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        path, wanted = self.path.partition("?")[0], self.headers.get("Range", "")
        self.site.asked.append((path, wanted))
        page = self.site.pages.get(path) or Served(b"no such page", status=404)
        body, status = page.body, page.status
        same = page.careless or self.headers.get("If-Range", page.etag or page.modified) in (page.etag, page.modified)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and page.ranges and same else 0
        extra = dict(page.headers)
        if begin >= len(body) > 0:
            status, extra["Content-Range"], body = 416, f"bytes */{len(page.body)}", b""
        elif begin:
            begin += page.wrong
            status, extra["Content-Range"] = 206, f"bytes {begin}-{len(body) - 1}/{len(body)}"
            body = body[begin:]
        self.close_connection = True
        self.send_response(status)
        if page.length:
            self.send_header("Content-Length", str(len(body)))
        for name, value in {"ETag": page.etag, "Last-Modified": page.modified, **extra}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self._send(page, body)

    def _send(self, page: Served, body: bytes) -> None:
        cut = page.cut.pop(0) if page.cut else len(body)
        self.wfile.write(body[:cut])
        self.wfile.flush()
        if page.slow is not None:
            page.slow.wait(20)


def packed(names: list[str]) -> bytes:
    """A zip file of small files, each with its name in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, f"picture {name}")
    return out.getvalue()


@contextmanager
def serving() -> Iterator[Site]:
    """A site on a free port of this machine."""
    handler = type("SiteHandler", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        site = Site(f"http://127.0.0.1:{server.server_address[1]}")
        handler.site = site
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
