"""What a browser is shown instead of a page: a page of ours that says why, never a bare line or the framework's own words.

Source: DESIGN §7, FAULTS E11.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from console.auth import Area
from console.outside import way_out
from console.policy import NotAllowed, NotThere, NotWritten, SecondStepNeeded, SignInNeeded
from console.views import Views

log = structlog.get_logger("console")
SAID = frozenset({403, 404, 408, 413, 500, 503})
"""Answers with words of their own; all others have those of 400."""


def take_on(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Let every failing of an application be answered here.

    Args:
        headers: of every answer; one to an exception that nobody expected is made outside of what adds them else.
    """

    async def broken(request: Request, error: Exception) -> Response:
        """Say that it is our fault, with a mark by which the line of the log is found; nothing of the exception."""
        mark = secrets.token_hex(3)
        where = str(getattr(request.scope.get("route"), "path", ""))
        log.error("console.bug", mark=mark, route=where, kind=type(error).__name__, exc_info=error)
        response = _message(request, 500, mark=mark)
        response.headers.update({**headers, "Cache-Control": "no-store"})
        return response

    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(SecondStepNeeded, _second_step)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(NotThere, _not_there)
    app.add_exception_handler(NotWritten, _not_written)
    app.add_exception_handler(RequestValidationError, _not_read)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(Exception, broken)


async def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    if request.headers.get("hx-request"):
        return Response(status_code=401)
    if error.area is Area.H5 and (out := way_out(request, request.url.path)):
        return RedirectResponse(out, 303)
    way = "h5" if error.area is Area.H5 else "console"
    back = request.url.path if request.method == "GET" else f"/{way}"
    return RedirectResponse(f"/login?to={way}&back={quote(back, safe='/')}", 303)


async def _second_step(request: Request, _error: Exception) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=401)
    return RedirectResponse("/console/me/second", 303)


async def _not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAllowed)
    return _message(request, 403, "403" if error.why == "role" else "403_form")


async def _not_there(request: Request, _error: Exception) -> Response:
    return _message(request, 404)


async def _not_written(request: Request, _error: Exception) -> Response:
    return _message(request, 503)


async def _not_read(request: Request, error: Exception) -> Response:
    """An address that cannot be one of ours, as a word where a number stands; what was sent is not said again."""
    assert isinstance(error, RequestValidationError)
    in_path = any(one["loc"][:1] == ("path",) for one in error.errors())
    return _message(request, 404 if in_path else 400)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _message(request, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _message(request: Request, status: int, words: str = "", mark: str = "") -> HTMLResponse:
    views: Views = request.app.state.views
    return views.page(
        request, "message.html", status, said=words or (str(status) if status in SAID else "400"), mark=mark
    )
