"""审核: what was held back, decided one after the other with the keyboard, and the words that are held back.

Source: F121, F125, F81; DESIGN 7.
"""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile

from console.auth import Area, Role, Visitor
from console.pages.calendar import regions_of
from console.policy import LEADERS, Allow, field
from console.scope import group_of, groups_of, offered
from console.views import Views, say
from engagement.moderation import docket, files
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Group

router = APIRouter()
SHOWN = 20
WORDS_SHOWN = 300
FAULTS_SHOWN = 20


@router.get("/console/moderation", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="moderation.viewed"))])
async def queue(request: Request, tab: str = "waiting", group: str = "", after: str = "") -> Response:
    """Show what waits, appeals, or what was decided."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    shown = tab if tab in docket.TABS else "waiting"
    now = console.clock.now()

    def read(session: Session) -> tuple[list[docket.Case], int, list[tuple[int, str]], str]:
        mine = groups_of(session, visitor) if visitor.role is Role.LEADER else []
        scope, wanted = _scope(session, visitor, mine, group)
        found, more = docket.cases(
            session, scope, shown, now, but_of=visitor.person_id, after=_number(after), most=SHOWN
        )
        return found, more, offered(session, visitor, chosen=wanted), wanted

    found, more, groups, wanted = await console.database.read(read)
    kept = {"tab": shown, "group": wanted}
    return views.page(
        request,
        "moderation.html",
        active="moderation",
        cases=found,
        tab=shown,
        tabs=[(f"/console/moderation?{urlencode({**kept, 'tab': one})}", say(f"moderation.tab_{one}"), one == shown)
              for one in docket.TABS],
        groups=groups,
        group=wanted,
        next=f"/console/moderation?{urlencode({**kept, 'after': more})}" if more else "",
        state_word=lambda state: say(f"moderation.state_{state}"),
        staff=visitor.role is not Role.LEADER,
        ready=console.desk is not None,
    )  # fmt: skip


def _scope(session: Session, visitor: Visitor, mine: list[Group], wanted: str) -> tuple[list[int] | None, str]:
    """Return the groups that are looked at (None = all) and the one asked for, if it is the visitor's to see."""
    number = _number(wanted)
    if number and group_of(session, visitor, number) is not None:
        return [number], str(number)
    if visitor.role is Role.LEADER:
        return [one.id or 0 for one in mine], ""
    return None, ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


# ---------------------------------------------------------------- words


@router.get("/console/moderation/words", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def words(request: Request, scope: str = "", q: str = "", done: str = "") -> Response:
    """Show the words of a scope."""
    toast = say(f"moderation.done_{done}") if done in ("added", "removed", "imported", "nothing") else ""
    return await _words(request, scope, q.strip()[:20], toast=toast)


async def _words(request: Request, scope: str, q: str = "", toast: str = "", status: int = 200) -> Response:
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor

    def read(session: Session) -> tuple[list[tuple[str, str]], str, list[str]]:
        own = scope if _mine(session, visitor, scope) else ""
        places = _offered(session, visitor, own)
        chosen = own or next((key for key, _ in places), "")
        found = files.scope_id(session, chosen) if chosen else None
        return places, chosen, list(files.words(session, *found)) if found is not None else []

    places, chosen, found = await console.database.read(read)
    return views.page(
        request,
        "moderation_words.html",
        status,
        active="moderation",
        heading=say("moderation.words"),
        offered=places,
        scope=chosen,
        q=q,
        count=len(found),
        words=[word for word in found if q in word][-WORDS_SHOWN:][::-1],
        toast=toast,
        wrong=status != 200,
    )


def _offered(session: Session, visitor: Visitor, chosen: str) -> list[tuple[str, str]]:
    """Return scopes (key, name) that a visitor may write for, as far as a list can hold them; ``chosen`` is among them."""
    groups = [(f"group:{number}", name) for number, name in offered(session, visitor, chosen=chosen)]
    if visitor.role is Role.LEADER:
        return groups
    regions = [(f"region:{number}", name) for number, name in regions_of(session)]
    return [("all", say("moderation.scope_all")), *regions, *groups]


def _mine(session: Session, visitor: Visitor, scope: str) -> bool:
    """Say whether a scope is there and the visitor's to write for; a leader has her own groups alone."""
    if files.scope_id(session, scope) is None:
        return False
    if visitor.role is not Role.LEADER:
        return True
    name, _, number = scope.partition(":")
    return name == "group" and group_of(session, visitor, int(number)) is not None


@router.post("/console/moderation/words/change", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def change(request: Request) -> Response:
    """Put one word on a list, or take it off."""
    form = await request.form()
    scope, word, how = field(form, "scope"), " ".join(field(form, "word").split()), field(form, "how")
    if how not in ("add", "remove") or not word or any(char in word for char in ",，\t#"):
        return await _words(request, scope, toast=say("moderation.word_how"), status=409)
    tail = texts().raw("moderation.file_row") if how == "add" else f",,{how}"
    return await _take(request, form, f"{word}{tail}", dry=False)


@router.post(
    "/console/moderation/words/import",
    dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, files=1, most_bytes=files.MOST_BYTES + 65_536))],
)
async def take_in(request: Request) -> Response:
    """Read a list; first what it would change is shown, then the same list is put in place."""
    form = await request.form()
    given = form.get("file")
    text = field(form, "text")
    scope = field(form, "scope")
    body = await given.read(files.MOST_BYTES + 1) if isinstance(given, UploadFile) else b""
    name = given.filename or "" if isinstance(given, UploadFile) else ""
    await form.close()
    if name:
        try:
            text = files.decode(body)
        except files.Unreadable as error:
            said = texts().fill(f"moderation.cli_unreadable_{error.why}", {"file": name[:60]})
            return await _words(request, scope, toast=said, status=409)
    if not text.strip():
        return await _words(request, scope, toast=say("moderation.import_empty"), status=409)
    return await _take(request, form, text, dry=field(form, "sure") != "1")


async def _take(request: Request, form: FormData, text: str, *, dry: bool) -> Response:
    console, views = request.app.state.console, request.app.state.views
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    scope, replace = field(form, "scope"), field(form, "replace") == "1"
    wanted, faults = files.read(text)
    if faults:
        lines = [
            texts().fill(
                "moderation.cli_fault",
                {"line": one.line, "word": one.word, "why": texts().raw(f"moderation.cli_fault_{one.why}")},
            )
            for one in faults[:FAULTS_SHOWN]
        ]
        return await _words(request, scope, toast="\n".join(lines), status=409)

    def write(session: Session) -> files.Change | None:
        if not _mine(session, visitor, scope):
            raise HTTPException(404)
        found = files.scope_id(session, scope)
        assert found is not None
        what = files.change(files.words(session, *found), wanted, replace=replace)
        if what.kept + len(what.add) > files.MOST_WORDS:
            return None
        if not dry and (what.add or what.drop):
            files.put(session, *found, what, now, visitor.person_id or None)
        return what

    what = await (console.database.read(write) if dry else console.database.write(write))
    if what is None:
        said = texts().fill("moderation.cli_too_many", {"most": files.MOST_WORDS})
        return await _words(request, scope, toast=said, status=409)
    if dry:
        shown: Response = views.page(
            request,
            "moderation_import.html",
            active="moderation",
            heading=say("moderation.import"),
            what=what,
            text=text,
            scope=scope,
            replace=replace,
        )
        return shown
    done = "nothing" if not what.add and not what.drop else "imported" if len(what.add) + len(what.drop) > 1 else ""
    done = done or ("added" if what.add else "removed")
    return RedirectResponse(f"/console/moderation/words?{urlencode({'scope': scope, 'done': done})}", 303)


@router.get("/console/moderation/words/export", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def export(request: Request, scope: str = "all") -> Response:
    """Give the words of a scope out as a file that the import reads."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor

    def read(session: Session) -> str:
        found = files.scope_id(session, scope)
        if found is None or not _mine(session, visitor, scope):
            raise HTTPException(404)
        return files.shown(files.words(session, *found))

    body = await console.database.read(read)
    name = f"words-{scope.replace(':', '-')}.csv"
    return Response(
        body.encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
