"""Text formats: JSONL of entries, CSV, Markdown, plain text, HTML."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

from knowledge.loaders.blocks import Block, Entry, Loaded
from knowledge.loaders.guard import Unfit, decode
from knowledge.loaders.tables import rows_to_document

MAX_QUOTE_DEPTH = 50
MAX_ROWS = 200_000

_MARKDOWN_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_TEXT_HEADING = re.compile(
    r"^(?:第[一二三四五六七八九十百\d]+[章节条编部分]|[一二三四五六七八九十]+、|\d+(?:\.\d+)*[、.．\s])\s*\S.{0,38}$"
)
_TAG = re.compile(
    r"<(?:!--.*?--|script\b.*?</script\s*|style\b.*?</style\s*|/?[a-zA-Z][^<>]*)>", re.DOTALL | re.IGNORECASE
)
_TARGET = r"\((?:[^()\n]|\([^()\n]{0,200}\)){0,4000}\)"
_IMAGE = re.compile(r"!\[([^\]\n]{0,200})\]" + _TARGET)
_LINK = re.compile(r"\[([^\]\n]{1,200})\]" + _TARGET)
_EMPHASIS = re.compile(r"(\*\*|__|`)(?=\S)(.{1,300}?)(?<=\S)\1")


def read_jsonl(content: bytes) -> Loaded:
    """Entries, one JSON object a line; ``answer`` may be empty, unknown keys are ignored.

    Raises:
        Unfit: ``damaged`` when a line is not an object with an id and a question.
    """
    loaded = Loaded()
    seen: set[str] = set()
    for line in decode(content).splitlines():
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unfit("damaged") from error
        entry = _entry(value)
        if entry.entry in seen:
            raise Unfit("damaged")
        seen.add(entry.entry)
        loaded.entries.append(entry)
    return loaded


def _entry(value: Any) -> Entry:
    if not isinstance(value, dict):
        raise Unfit("damaged")
    key, question = value.get("id"), value.get("question")
    if not isinstance(key, str | int) or not isinstance(question, str) or not question.strip() or len(str(key)) > 120:
        raise Unfit("damaged")

    def text(name: str) -> str:
        found = value.get(name)
        return found.strip() if isinstance(found, str) else ""

    def texts(name: str) -> list[str]:
        found = value.get(name)
        return (
            [item.strip() for item in found if isinstance(item, str) and item.strip()]
            if isinstance(found, list)
            else []
        )

    return Entry(
        entry=str(key),
        question=question.strip()[:500],
        answer=text("answer"),
        aliases=[alias[:500] for alias in texts("aliases")],
        category=text("category")[:80],
        source=text("source")[:200],
        facts=texts("facts"),
        plain=text("answer_without_facts"),
    )


def read_csv(content: bytes) -> Loaded:
    """A table; columns named like question and answer make entries, anything else rows of text.

    Raises:
        Unfit: ``damaged`` for an open quote or another broken shape, ``encoding``, ``too_big``.
    """
    text = decode(content)
    rows: list[list[str]] = []
    delimiter = "\t" if text[:2000].count("\t") > text[:2000].count(",") else ","
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter):
            rows.append([cell.strip() for cell in row])
            if len(rows) > MAX_ROWS:
                raise Unfit("too_big")
    except csv.Error as error:
        raise Unfit("damaged") from error
    loaded = Loaded()
    rows_to_document(loaded, rows, sheet="")
    return loaded


def read_text(content: bytes) -> Loaded:
    """Paragraphs; a short line that begins like 第三条, 三、 or 3.1 is a heading."""
    loaded = Loaded()
    paragraph: list[str] = []

    def flush() -> None:
        if paragraph:
            loaded.blocks.append(Block("text", "\n".join(paragraph)))
            paragraph.clear()

    for line in decode(content).splitlines():
        bare = line.strip()
        if not bare:
            flush()
        elif _TEXT_HEADING.match(bare) and not bare.endswith(("。", "；", ";", "，")):
            flush()
            loaded.blocks.append(Block("heading", bare, level=1 + bare.split()[0].count(".")))
        else:
            paragraph.append(bare)
    flush()
    return loaded


def read_markdown(content: bytes) -> Loaded:
    """Headings, paragraphs, lists and tables; no HTML, no link targets, no front matter.

    Raises:
        Unfit: ``unsafe`` for quotes nested beyond ``MAX_QUOTE_DEPTH``.
    """
    text = decode(content)
    if text.startswith("---\n"):
        end = text.find("\n---", 4)
        text = text[end + 4 :] if end >= 0 else ""
    return _markdown_blocks(_TAG.sub("", text))


def _markdown_blocks(text: str) -> Loaded:
    loaded = Loaded()
    paragraph: list[str] = []
    table: list[list[str]] = []

    def flush() -> None:
        if paragraph:
            loaded.blocks.append(Block("text", "\n".join(paragraph)))
            paragraph.clear()
        if table:
            rows_to_document(loaded, table, sheet="")
            table.clear()

    for line in text.splitlines():
        if len(line) - len(line.lstrip("> ")) > 2 * MAX_QUOTE_DEPTH:
            raise Unfit("unsafe")
        bare = _inline(line.lstrip("> ").strip())
        heading = _MARKDOWN_HEADING.match(bare)
        if heading:
            flush()
            level = len(heading.group(1))
            if level == 1 and not loaded.title:
                loaded.title = heading.group(2)
            loaded.blocks.append(Block("heading", heading.group(2), level=level))
        elif bare.startswith("|") or (table and "|" in bare):
            if not _RULE.match(bare):
                table.append([cell.strip() for cell in bare.strip("|").split("|")])
        elif not bare or _RULE.match(bare):
            flush()
        else:
            if table:
                flush()
            paragraph.append(bare)
    flush()
    return loaded


def _inline(line: str) -> str:
    line = _LINK.sub(r"\1", _IMAGE.sub(r"\1", line))
    return _EMPHASIS.sub(r"\2", line)


class _Page(HTMLParser):
    """Visible text of a page: no scripts, styles, forms or hidden elements."""

    _SKIP = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "head", "nav", "select"})
    _VOID = frozenset(
        {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
    )
    _BREAK = frozenset({"p", "div", "li", "section", "article", "blockquote", "ul", "ol", "table", "br", "hr", "pre"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.loaded = Loaded()
        self._text: list[str] = []
        self._heading = 0
        self._hidden: list[str] = []
        self._rows: list[list[str]] = []
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._VOID:
            if tag in self._BREAK:
                self._flush()
            return
        values = {name: (value or "") for name, value in attrs}
        style = values.get("style", "").replace(" ", "").lower()
        if (
            self._hidden
            or tag in self._SKIP
            or "hidden" in values
            or "display:none" in style
            or "visibility:hidden" in style
        ):
            if tag not in self._SKIP and not self._hidden:
                self.loaded.warn("hidden_text")
            if len(self._hidden) > 500:
                raise Unfit("unsafe")
            self._hidden.append(tag)
        elif tag in {"td", "th"}:
            self._cell = []
        elif tag == "tr":
            self._flush()
            self._rows.append([])
        elif re.fullmatch(r"h[1-6]", tag):
            self._flush()
            self._heading = int(tag[1])
        elif tag in self._BREAK:
            self._flush()

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                while self._hidden.pop() != tag:
                    pass
        elif tag in {"td", "th"} and self._cell is not None:
            if self._rows:
                self._rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag == "table":
            rows, self._rows = self._rows, []
            rows_to_document(self.loaded, rows, sheet="")
        elif re.fullmatch(r"h[1-6]", tag) or tag in self._BREAK:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            (self._text if self._cell is None else self._cell).append(data)

    def _flush(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text.clear()
        if self._cell is not None:
            return
        if text:
            kind = "heading" if self._heading else "text"
            self.loaded.blocks.append(Block(kind, text, level=self._heading))
            if self._heading == 1 and not self.loaded.title:
                self.loaded.title = text
        self._heading = 0


def read_html(content: bytes) -> Loaded:
    """Visible text of a page with its headings and tables."""
    page = _Page()
    page.feed(decode(content))
    page.close()
    page._flush()  # noqa: SLF001
    if page._rows:  # noqa: SLF001
        rows_to_document(page.loaded, page._rows, sheet="")  # noqa: SLF001
    return page.loaded
