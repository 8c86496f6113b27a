"""One message → what its channel shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.rendering.capabilities import Capabilities, Dialect, Hears, Unit
from bot.rendering.words import STAR, escape_html, nobody_at_all, shown, width
from engagement.kernel import Citation, Kind, Outgoing, Place, one_line
from prompts.loader import Texts, texts

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_HANDLE = re.compile(r"@[A-Za-z]\w{3}", re.ASCII)
_BRACKETS = re.compile("《[^《》]+》[^《》]*$")
_KEPT_TOGETHER = re.compile("[\u0300-\u036f\u200d\ufe0e\ufe0f\u20d0-\u20ff\U0001f3fb-\U0001f3ff]")
_NAMELESS = re.compile(r"(?m)(?:^|(?<=\s))，")
"""The comma behind a name that is not known: no platform of WeChat's tells any."""
_TAG = re.compile(r"<(?=[/@!a-zA-Z])")
_DOCUMENTS = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """A button as a person sees it: what it sends back, its label, and whether it answers the question it stands under."""

    key: str
    label: str
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as a channel shows it.

    Attributes:
        parts: texts, each within the channel's limit; the first quotes, the last carries the buttons. None: nothing is said.
        html: the parts are HTML (escaped); else they are plain.
        buttons: rows, from above; empty where the channel has none.
        numbered: keys of the numbered choices in the text, the first is number 1.
        captioned: the first text fits under a picture.
    """

    parts: tuple[str, ...]
    html: bool = False
    buttons: tuple[tuple[Choice, ...], ...] = ()
    numbered: tuple[str, ...] = ()
    captioned: bool = True

    @property
    def text(self) -> str:
        """All parts in one."""
        return "\n".join(self.parts)


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the plain text with a meaning: bold, or a link to a person (``to``)."""

    start: int
    end: int
    to: str = ""


UNQUOTED = {
    "topic.push_how": "topic.push_how_unquoted",
    "topic.today_how": "topic.today_how_page",
    "faq.to_leader": "faq.to_leader_unquoted",
    "faq.waiting": "faq.waiting_unquoted",
    "faq.reply_here": "faq.reply_here_unquoted",
    "faq.dismissed": "faq.dismissed_unquoted",
    "faq.unclear": "faq.unclear_unquoted",
    "points.reverse_ask": "points.reverse_ask_unquoted",
    "topic.write_how": "topic.write_how_unquoted",
    "checkin.topic_photo": "checkin.topic_photo_unquoted",
    "groups.ask_here": "groups.ask_here_unquoted",
    "faq.correction_short": "faq.correction_short_unquoted",
    "curation.answer_how": "curation.answer_how_unquoted",
    "curation.phrasing_how": "curation.phrasing_how_unquoted",
}
"""Texts that ask people to quote → what is said where nobody can."""


def render(message: Outgoing, can: Capabilities) -> Rendered:
    """Render a message for a channel.

    Args:
        message: what is to be said; a reaction without a text is its emoji.
        can: what the channel can show.

    Returns:
        Texts within the channel's limit, where every value is shown and none is obeyed; none where the channel has no way
        to say it: a bare stamp without reactions, a group's message that is changed where none can be.

    Raises:
        prompts.loader.UnknownText, KeyError: a text or a value is missing: a bug of the slice.
    """
    if not _can_be_said(message, can):
        return Rendered(())
    if not can.quotes:
        message = _unquoted(message)
    words = texts()
    choices = tuple(_choices(message, words, can))
    no_file = message.document is not None and not can.document  # what its words hand over does not come
    elsewhere = "render.no_file" if message.values.get("pages") else "render.no_file_yet"
    body = words.raw(elsewhere) if no_file else _body(message, words)
    if can.closing and message.kind is Kind.PUSH:
        body = f"{body}\n{words.raw(can.closing)}"
    numbered: tuple[str, ...] = ()
    if choices and not can.button_limit and can.hears is not Hears.NOTHING:
        numbered = tuple(choice.key for choice in choices)
        lines = [
            words.fill("render.choice", {"number": n, "label": choice.label}, shown)
            for n, choice in enumerate(choices, start=1)
        ]
        body = "\n".join((body, words.raw("render.choose"), *lines))
    text, spans = _plain(body)
    if message.mention and message.to and message.place is Place.GROUP:
        text, spans = _mention(message, words, text, spans, can)
    if can.dialect is Dialect.TAGGED:
        # Its wide twin is shown alike and obeyed by nobody. Before lengths are counted: it has more bytes.
        text = _TAG.sub("＜", text)
    html = can.dialect is Dialect.HTML and (bool(spans) or can.name == "web")
    pieces = list(_pieces(text, can, words.raw("render.cut")))
    parts = tuple((_html(text, start, end, spans) if html else text[start:end]) + tail for start, end, tail in pieces)
    rows = tuple(_rows(choices, can)) if can.button_limit else ()
    start, end, tail = pieces[0]
    captioned = _LENGTHS[can.unit](text[start:end] + tail) <= can.caption_limit
    return Rendered(parts, html, rows, numbered, captioned)


def _unquoted(message: Outgoing) -> Outgoing:
    def there(keys: Sequence[str]) -> tuple[str, ...]:
        return tuple(UNQUOTED.get(key, key) for key in keys)

    more = [replace(one, key=there([one.key])[0], tails=there(one.tails)) for one in message.more]
    return replace(message, key=there([message.key])[0], tails=there(message.tails), more=more)


def _can_be_said(message: Outgoing, can: Capabilities) -> bool:
    if message.kind is Kind.REACTION and not message.key:
        return can.reactions
    return message.kind is not Kind.EDIT or message.place is not Place.GROUP or can.edit


def _body(message: Outgoing, words: Texts) -> str:
    if message.kind is Kind.REACTION and not message.key:
        return message.emoji
    # The source belongs to the answer; what a tail adds (the notice for newcomers) comes behind it.
    said, *tails = (_filled(message, key, words) for key in (message.key, *message.tails))
    heard = words.fill("render.heard", message.values, shown) if message.values.get("heard") else ""
    body = "\n".join(paragraph for paragraph in (heard, said, _source(message, words), *tails) if paragraph)
    further = ["\n".join(words.fill(key, one.values, shown) for key in (one.key, *one.tails)) for one in message.more]
    return "\n\n".join((body, *further))


def _filled(message: Outgoing, key: str, words: Texts) -> str:
    text = words.fill(key, message.values, shown)
    return _NAMELESS.sub("", text) if message.values.get("name") == "" else text


def _source(message: Outgoing, words: Texts) -> str:
    """Return the closing line: where the answer comes from, and that a machine put it in words."""
    named: list[str] = []
    if message.citations:
        named_once = list(dict.fromkeys(_title(citation, words) for citation in message.citations))
        documents = "、".join(title for title in named_once[:_DOCUMENTS] if title)
        if documents:
            named.append(words.raw("render.source").replace("{documents}", documents))
    if message.values.get("ai"):
        named.append(words.raw("render.ai"))
    return " · ".join(named)


def _title(citation: Citation, words: Texts) -> str:
    """Return a document's name as it is shown; a clause stays behind the brackets: 《生鲜售后规则》第3.2条."""
    name = one_line(citation.document, 40)
    if _BRACKETS.match(name) or not name:
        return shown(name)
    return words.fill("render.document", {"name": name.strip("《》")}, shown)


def _choices(message: Outgoing, words: Texts, can: Capabilities) -> Iterator[Choice]:
    wanted = [one for one in message.buttons if can.button_limit or not one.optional]
    for button in wanted[: can.button_limit or 24]:
        if not 0 < len(button.key.encode("utf-8", "replace")) <= can.button_bytes:
            raise ValueError(f"a button's key must have 1 to {can.button_bytes} bytes: {button.key[:20]!r}")
        label = words.fill(button.label, button.values, shown).replace("**", "").replace(STAR, "*")
        yield Choice(button.key, one_line(nobody_at_all(label), 40), button.settles)


def _rows(choices: tuple[Choice, ...], can: Capabilities) -> Iterator[tuple[Choice, ...]]:
    """Lay buttons in rows of at most four, so that no label is squeezed on a phone."""
    row: list[Choice] = []
    used = 0
    for choice in choices:
        needed = width(choice.label) + 2
        if row and (len(row) == 4 or used + needed > can.row_width):
            yield tuple(row)
            row, used = [], 0
        row.append(choice)
        used += needed
    if row:
        yield tuple(row)


def _plain(body: str) -> tuple[str, list[_Span]]:
    """Read the template's bold marks; what is left is what people see."""
    body = nobody_at_all(body)
    if "**" not in body:
        return body.replace(STAR, "*"), []
    spans: list[_Span] = []
    pieces: list[str] = []
    length = read = 0
    for match in _BOLD.finditer(body):
        before, inside = body[read : match.start()], match.group(1)
        pieces += (before, inside)
        length += len(before)
        spans.append(_Span(length, length + len(inside)))
        length += len(inside)
        read = match.end()
    pieces.append(body[read:])
    return "".join(pieces).replace(STAR, "*"), spans


def _mention(
    message: Outgoing, words: Texts, text: str, spans: list[_Span], can: Capabilities
) -> tuple[str, list[_Span]]:
    name = shown(one_line(message.to_name)).replace(STAR, "*") or message.to
    prefix = nobody_at_all(words.fill("render.mention", {"name": name}))
    links = can.links_people and message.to.isdecimal()
    if links and _HANDLE.match(prefix):
        prefix = prefix[1:]  # or somebody else, who has this name as a handle, would be called
    moved = [_Span(span.start + len(prefix), span.end + len(prefix), span.to) for span in spans]
    if links:
        moved.insert(0, _Span(0, len(prefix.rstrip()), message.to))
    return prefix + text, moved


def _pieces(text: str, can: Capabilities, cut: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, closing words) of each part: at line ends where possible, never inside a character."""
    length = _LENGTHS[can.unit]
    if length(text) <= can.text_limit:
        yield 0, len(text), ""
        return
    start = 0
    for part in range(1, can.parts + 1):
        rest = text[start:]
        if length(rest) <= can.text_limit:
            yield start, len(text), ""
            return
        last = part == can.parts
        room = can.text_limit - (length(cut) + 1 if last else 0)
        end = start + _fitting(rest, room, length)
        yield start, end, f"\n{cut}" if last else ""
        start = end + (text[end : end + 1] == "\n")


def _fitting(text: str, room: int, length: Callable[[str], int]) -> int:
    """Return how many characters of ``text`` fit, preferring whole lines."""
    low, high = 0, min(len(text), room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(text[:middle]) <= room else (low, middle - 1)
    line = text.rfind("\n", 1, low + 1)
    if line > low // 2:
        return line
    whole = low
    while whole > low - 20 and whole > 1 and (_KEPT_TOGETHER.match(text, whole) or text[whole - 1] == "\u200d"):
        whole -= 1
    return max(1, whole)


_LENGTHS: dict[Unit, Callable[[str], int]] = {
    Unit.CHARACTERS: len,
    Unit.UTF16: lambda text: len(text) + sum(1 for char in text if char > "\uffff"),
    Unit.BYTES: lambda text: len(text.encode("utf-8", "replace")),
}


def _html(text: str, start: int, end: int, spans: list[_Span]) -> str:
    pieces: list[str] = []
    read = start
    for span in spans:
        left, right = max(span.start, read), min(span.end, end)
        if left >= right:
            continue
        pieces.append(escape_html(text[read:left]))
        inside = escape_html(text[left:right])
        pieces.append(f'<a href="tg://user?id={span.to}">{inside}</a>' if span.to else f"<b>{inside}</b>")
        read = right
    pieces.append(escape_html(text[read:end]))
    return "".join(pieces)
