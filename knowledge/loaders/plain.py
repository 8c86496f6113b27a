"""Text formats: JSONL of entries, Markdown, plain text.

Source: F69, FAULTS C2.
"""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from knowledge.loaders.blocks import Block, Entry, Loaded
from knowledge.loaders.guard import Unfit, decode
from knowledge.loaders.page import SKIPPED, VOID, hides
from knowledge.loaders.tables import rows_to_document

MAX_QUOTE_DEPTH = 50

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_TEXT_HEADING = re.compile(
    r"^(?:第[一二三四五六七八九十百\d]+[章节条编部分]|[一二三四五六七八九十]+、|\d+(?:\.\d+)*[、.．\s])\s*\S.{0,38}$"
)
_POINT = re.compile(r"[一二三四五六七八九十]+、")
_CHAPTER = re.compile(r"^第[一二三四五六七八九十百\d]+([章节条编部])")
_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
_NOTE = re.compile(r"^\[(?://|comment|_)\]:\s*(?:#|<>)\s*(.*)$", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s[^<>]*)?)/?>")
_STYLE = re.compile(r"style\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_HIDDEN = re.compile(r"\shidden(?=[\s=/]|$)", re.IGNORECASE)
_LINK_TARGET = re.compile(r"<(?:https?|mailto|ftp)[^<>\s]*>")
_TARGET = r"\((?:[^()\n]|\([^()\n]{0,200}\)){0,4000}\)"
_IMAGE = re.compile(r"!\[([^\]\n]{0,200})\]" + _TARGET)
_LINK = re.compile(r"\[([^\]\n]{1,200})\]" + _TARGET)
_EMPHASIS = re.compile(r"(\*\*|__|`)(?=\S)(.{1,300}?)(?<=\S)\1")
_CELLS = re.compile(r"(?<!\\)\|")


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

    def day(name: str) -> str:
        return text(name) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text(name)) else ""

    return Entry(
        entry=str(key),
        question=question.strip()[:500],
        answer=text("answer"),
        aliases=[alias[:500] for alias in texts("aliases")],
        category=text("category")[:80],
        source=text("source")[:200],
        facts=texts("facts"),
        plain=text("answer_without_facts"),
        valid_from=day("valid_from"),
        valid_until=day("valid_until"),
        product=text("product")[:80],
    )


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
            loaded.blocks.append(Block("heading", bare, level=text_level(bare), point=bool(_POINT.match(bare))))
        else:
            paragraph.append(bare)
    flush()
    return loaded


def text_level(heading: str) -> int:
    """Level of a numbered heading: 第X章 1, 第X节 2, 第X条 3, 3.1 two and so on."""
    chapter = _CHAPTER.match(heading)
    if chapter:
        return {"章": 1, "编": 1, "部": 1, "节": 2, "条": 3}[chapter.group(1)]  # zh: the numbers of chapters
    return min(1 + heading.split(maxsplit=1)[0].rstrip(".．、").count("."), 9)


def read_markdown(content: bytes) -> Loaded:
    """Headings, paragraphs, lists and tables; no HTML, no link targets, no front matter, nothing hidden.

    Raises:
        Unfit: ``unsafe`` for quotes nested beyond ``MAX_QUOTE_DEPTH``.
    """
    text = decode(content).replace("\r\n", "\n")
    if text.startswith("---\n"):
        end = text.find("\n---", 4)
        text = text[end + 4 :] if end >= 0 else ""
    loaded = Loaded()
    markdown = _Markdown(loaded)
    for line in _without_html(text, loaded).splitlines():
        if len(line) - len(line.lstrip("> ")) > 2 * MAX_QUOTE_DEPTH:
            raise Unfit("unsafe")
        markdown.take(line)
    markdown.flush()
    return loaded


def _without_html(text: str, loaded: Loaded) -> str:
    """Markdown without tags; what comments and hidden elements hold goes to the findings."""

    def comment(found: re.Match[str]) -> str:
        if found.group(1).strip():
            loaded.find("comments", "", found.group(1))
        return ""

    text = _LINK_TARGET.sub("", _COMMENT.sub(comment, text))
    kept: list[str] = []
    unseen: list[str] = []
    closing, depth, reported = "", 0, False
    at = 0
    for tag in _TAG.finditer(text):
        (unseen if closing else kept).append(text[at : tag.start()])
        at = tag.end()
        name, rest = tag.group(2).lower(), tag.group(3)
        if closing:
            if name == closing:
                depth += -1 if tag.group(1) else 1
                if depth == 0:
                    if reported and "".join(unseen).strip():
                        loaded.find("hidden_element", "", "".join(unseen))
                    closing, unseen = "", []
        elif not tag.group(1) and name not in VOID and (name in SKIPPED or _is_hidden(rest)):
            closing, depth, reported = name, 1, name not in SKIPPED
        elif name in {"br", "p", "div", "li", "tr"}:
            kept.append("\n" if name != "br" else " ")
    (unseen if closing else kept).append(text[at:])
    if closing and reported and "".join(unseen).strip():
        loaded.find("hidden_element", "", "".join(unseen))
    return "".join(kept)


def _is_hidden(attributes: str) -> bool:
    style = _STYLE.search(attributes)
    return _HIDDEN.search(attributes) is not None or (
        style is not None and hides(next(filter(None, style.groups()), ""))
    )


class _Markdown:
    """Gathers blocks line by line."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.paragraph: list[str] = []
        self.table: list[list[str]] = []
        self.fenced = False

    def flush(self) -> None:
        if self.paragraph:
            self.loaded.blocks.append(Block("text", "\n".join(self.paragraph)))
            self.paragraph.clear()
        if self.table:
            rows_to_document(self.loaded, self.table)
            self.table.clear()

    def head(self, level: int, heading: str) -> None:
        self.flush()
        if level == 1 and not self.loaded.title:
            self.loaded.title = heading[:200]
        self.loaded.blocks.append(Block("heading", heading, level=level))

    def take(self, line: str) -> None:
        bare = line.lstrip("> ").strip()
        note = _NOTE.match(bare)
        if re.match(r"(?:```|~~~)", bare):
            self.fenced = not self.fenced
        elif self.fenced:
            self.paragraph.append(bare)
        elif note:
            self.loaded.find("comments", "", note.group(1).strip("\"'()"))
        else:
            self._line(line, _inline(unescape(bare)))

    def _line(self, line: str, bare: str) -> None:
        heading = _HEADING.match(bare)
        if heading:
            self.head(len(heading.group(1)), heading.group(2))
        elif self._is_underline(bare):
            self.head(1 if bare[0] == "=" else 2, self.paragraph.pop())
        elif bare.startswith("|") or (self.table and "|" in bare):
            if not _RULE.match(bare):
                self.table.append(_cells(re.sub(r"^\||(?<!\\)\|$", "", bare)))
        elif "|" in bare and self.paragraph and _RULE.match(bare):  # a table without bars at its sides
            self.table.append(_cells(self.paragraph.pop()))
        elif not bare or _RULE.match(bare):
            self.flush()
        else:
            if self.table:
                self.flush()
            self.paragraph.append(_indented(line, bare))

    def _is_underline(self, bare: str) -> bool:
        one = len(self.paragraph) == 1 and not self.paragraph[0].startswith("- ")
        return one and re.fullmatch(r"=+|-{3,}", bare) is not None


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)]


def _indented(line: str, bare: str) -> str:
    """An item of a nested list keeps its depth."""
    if not re.match(r"(?:[-*+]|\d{1,3}[.)])\s", bare):
        return bare
    depth = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
    return "  " * min(depth // 2, 6) + re.sub(r"^[*+](?=\s)", "-", bare)


def _inline(line: str) -> str:
    line = _LINK.sub(r"\1", _IMAGE.sub(r"\1", line))
    return _EMPHASIS.sub(r"\2", line)
