"""What belongs to the look: light or dark, the installed page, and the notice that there is no network."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from console.pages.home import local_path
from console.policy import Allow, field
from console.views import THEME_COOKIE, THEMES, Views, say, set_cookie

router = APIRouter()
_YEAR = 365 * 86400


@router.post("/theme", dependencies=[Depends(Allow())])
async def theme(request: Request) -> Response:
    """Switch to light or dark, or follow the system again."""
    form = await request.form()
    response = RedirectResponse(local_path(field(form, "back"), "/"), 303)
    wanted = field(form, "theme")
    set_cookie(response, request, THEME_COOKIE, wanted if wanted in THEMES else "system", _YEAR)
    return response


@router.get("/manifest.webmanifest", dependencies=[Depends(Allow())])
async def manifest(request: Request) -> Response:
    """Describe the page that somebody puts on the home screen of a phone."""
    views: Views = request.app.state.views
    icons = [
        {"src": views.asset(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"} for size in (192, 512)
    ]
    icons.append({"src": views.asset("logo.svg"), "sizes": "any", "type": "image/svg+xml"})
    described = {
        "name": say("name"),
        "short_name": say("name"),
        "description": say("about"),
        "lang": "zh-CN",
        "start_url": "/",
        "scope": "/",
        "display": "minimal-ui",
        "background_color": "#f5f3ee",
        "theme_color": "#1f7f57",
        "icons": icons,
    }
    return JSONResponse(described, media_type="application/manifest+json")


@router.get("/offline", dependencies=[Depends(Allow())])
async def offline(request: Request) -> Response:
    """Say that there is no network. The only page that a browser keeps; nothing of a person stands on it."""
    views: Views = request.app.state.views
    return views.page(request, "offline.html")


@router.get("/sw.js", dependencies=[Depends(Allow())])
async def worker(request: Request) -> Response:
    """Serve the script that shows the notice; from the root, so that it may answer for every page."""
    views: Views = request.app.state.views
    return Response(views.text("sw.js"), media_type="text/javascript")
