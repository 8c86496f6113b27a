"""What is compressed on its way: static files once and for all, pages as they are made; each is a quarter of its size then.

How well something compresses tells what is in it to whoever sees the length and can put words of his own beside it. So a form's
token is masked anew in every answer (console.auth), a page that shows a secret goes as it is, a page that another site asked for
too, and a random number of bytes that mean nothing makes lengths that differ by little tell nothing.
"""

from __future__ import annotations

import gzip
import io
import os
import secrets
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

COMPRESSED = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES_KEPT = 64
_HOUR = 3600
_YEAR = 365 * 86400
LEAST = 1024
"""Bytes of a page from which it is worth it."""
_LEVEL = 5
_MOST_NOISE = 96
_OWN = frozenset({"same-origin", "none"})


@lru_cache(maxsize=_FILES_KEPT)
def _packed(path: str, changed_ns: int) -> bytes:
    """Compress a file; one that changed is another."""
    assert changed_ns >= 0
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)


class Compressed(StaticFiles):
    """Files of a folder. An address with the mark of a file's content (``?v=…``) is good for a year, others for an hour."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with the file, packed where the browser takes that."""
        plain = FileResponse(full_path, status_code=status_code, stat_result=stat_result)
        marked = b"v=" in scope.get("query_string", b"")
        plain.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if marked else f"public, max-age={_HOUR}"
        asked = Headers(scope=scope)
        kind = COMPRESSED.get(Path(full_path).suffix)
        if kind is not None:
            plain.headers["Vary"] = "Accept-Encoding"
        if self.is_not_modified(plain.headers, asked):
            return NotModifiedResponse(plain.headers)
        if kind is None or "gzip" not in asked.get("accept-encoding", ""):
            return plain
        kept = {name: plain.headers[name] for name in ("etag", "last-modified", "cache-control", "vary")}
        body = _packed(str(full_path), stat_result.st_mtime_ns)
        return Response(body, status_code, {**kept, "Content-Encoding": "gzip"}, f"{kind}; charset=utf-8")


def page(request: Request, html: str, status: int, *, secret: bool) -> HTMLResponse:
    """Answer with a page, packed where the browser takes that and nothing is given away by it.

    Args:
        secret: something stands on it that only who looks at it may know: a link, a recovery code.
    """
    whole = html.encode()
    plain = secret or len(whole) < LEAST or request.headers.get("sec-fetch-site", "same-origin") not in _OWN
    if plain or "gzip" not in request.headers.get("accept-encoding", ""):
        return HTMLResponse(whole, status, {"Vary": "Accept-Encoding"})
    out = io.BytesIO()
    # The name stands in the head of what is packed, where it means nothing: only its length counts.
    noise = "x" * secrets.randbelow(_MOST_NOISE)
    with gzip.GzipFile(noise, "wb", _LEVEL, out, mtime=0) as packing:
        packing.write(whole)
    return HTMLResponse(out.getvalue(), status, {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"})
