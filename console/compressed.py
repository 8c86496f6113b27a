"""Static files, compressed once and kept: a page's look and scripts are a quarter of their size on the way."""

from __future__ import annotations

import gzip
import os
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

COMPRESSED = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES_KEPT = 64
_HOUR = 3600
_YEAR = 365 * 86400


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
