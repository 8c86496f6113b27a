"""HTML: what a reader of the page sees. Scripts, styles, comments and hidden elements are left out and told.

Source: F69, FAULTS C2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from knowledge.loaders.blocks import Block, Loaded
from knowledge.loaders.guard import Unfit, decode
from knowledge.loaders.tables import Row as TableRow
from knowledge.loaders.tables import add_table

MAX_DEPTH = 500
MAX_CELLS = 500_000

SKIPPED = frozenset(
    {
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
        "nav",
        "select",
        "datalist",
        "textarea",
    }
)
VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"})
_BREAK = frozenset(
    {"p", "div", "section", "article", "blockquote", "ul", "ol", "dl", "dt", "dd", "table", "br", "hr", "pre", "header",
     "footer", "main", "aside", "figure", "figcaption", "details", "summary", "form", "fieldset", "body", "caption"}
)  # fmt: skip
_HIDING = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0+)?(?:;|$)|font-size:0(?:\.\d+)?(?:px|pt|em|rem|%)?(?:;|$)"
    r"|(?:left|top|text-indent):-\d{3,}|clip:rect\(0|(?:^|;)(?:width|height):0(?:px)?(?:;|$)"
)
_WHITE = re.compile(
    r"(?:^|;)color:(?:#f{3}(?:f{3})?|white|rgb\(255,255,255\)|transparent|rgba\([^)]*,0(?:\.0+)?\))(?:!important)?(?:;|$)"
)
_RULE = re.compile(r"([^{}]{1,2000})\{([^{}]{0,5000})\}")
_IS_HEADING = re.compile(r"h[1-6]")
_SELECTOR = re.compile(r"[.#]?[\w-]+")


def hides(style: str) -> bool:
    """Say whether a style attribute makes text unseen: not shown, transparent, microscopic, off the page, white."""
    bare = re.sub(r"\s+", "", style).lower()
    return _HIDING.search(bare) is not None or (_WHITE.search(bare) is not None and "background" not in bare)


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    cell: list[str] | None = None
    spans: tuple[int, int] = (1, 1)
    carried: dict[int, tuple[int, str]] = field(default_factory=dict)
    caption: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """Gathers blocks as it is fed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.loaded = Loaded()
        self._text: list[str] = []
        self._heading = 0
        self._hidden: list[str] = []
        self._unseen: list[str] = []
        self._reported = False
        self._tables: list[_Table] = []
        self._lists: list[int] = []
        self._label = ""
        self._rules: set[str] = set()
        self._in_head = False
        self._in_title = False
        self._cells = 0

    # ------------------------------------------------------------ tags

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens an element."""
        values = {name: (value or "") for name, value in attrs}
        self._in_head |= tag == "head"
        self._in_title |= tag == "title" and not self._hidden
        if tag in VOID:
            if tag == "br":
                self._add("\n")
            elif tag == "hr":
                self.flush()
        elif self._hidden or tag in SKIPPED or self._is_hidden(tag, values):
            if not self._hidden:
                self._reported = tag not in SKIPPED
            if len(self._hidden) > MAX_DEPTH:
                raise Unfit("unsafe")
            self._hidden.append(tag)
        elif self._tables and tag in {"tr", "td", "th"}:
            self._in_table(tag, values)
        else:
            self._open(tag, values)

    def _open(self, tag: str, values: dict[str, str]) -> None:
        is_heading = _IS_HEADING.fullmatch(tag) is not None
        if is_heading or tag in _BREAK or tag == "li":
            self.flush()
        if is_heading:
            self._heading = int(tag[1])
        elif tag == "table":
            if len(self._tables) > 20:
                raise Unfit("unsafe")
            self._tables.append(_Table())
        elif tag in {"ul", "ol"}:
            start = values.get("start", "1")
            first = int(start) if start.isdecimal() and len(start) < 7 else 1
            self._lists.append(first if tag == "ol" else 0)
        elif tag == "li" and self._lists:
            number = self._lists[-1]
            self._label = "  " * min(len(self._lists) - 1, 6) + (f"{number}. " if number else "- ")
            self._lists[-1] += 1 if number else 0

    def handle_endtag(self, tag: str) -> None:
        """Closes an element."""
        self._in_head &= tag != "head"
        self._in_title &= tag != "title"
        if self._hidden:
            if tag in self._hidden:
                while self._hidden.pop() != tag:
                    pass
                if not self._hidden:
                    self._close_hidden(tag)
        elif self._tables and tag in {"td", "th", "tr"}:
            self._close_cell()
        elif tag == "table" and self._tables:
            self._close_table()
        elif _IS_HEADING.fullmatch(tag) or tag in _BREAK or tag == "li":
            self.flush()
            if tag in {"ul", "ol"} and self._lists:
                self._lists.pop()

    def _close_hidden(self, tag: str) -> None:
        text = "".join(self._unseen)
        self._unseen.clear()
        if tag == "style":
            self._learn(text)
        elif self._reported and text.strip():
            self.loaded.find("hidden_element", "", text)

    def _is_hidden(self, tag: str, values: dict[str, str]) -> bool:
        if "hidden" in values or hides(values.get("style", "")):
            return True
        names = {tag, *(f".{one}" for one in values.get("class", "").split()), f"#{values.get('id', '')}"}
        return bool(self._rules & names)

    def _learn(self, css: str) -> None:
        """Selectors of one name whose rule hides what they name."""
        for selectors, rule in _RULE.findall(re.sub(r"/\*.*?\*/", "", css[:200_000], flags=re.DOTALL)):
            if hides(rule):
                for selector in selectors.split(","):
                    if _SELECTOR.fullmatch(selector.strip()):
                        self._rules.add(selector.strip())

    # ------------------------------------------------------------ words

    def handle_data(self, data: str) -> None:
        """Takes words."""
        if self._hidden:
            self._unseen.append(data)
        elif self._in_title:
            self.loaded.title = (self.loaded.title + " ".join(data.split()))[:200]
        elif not self._in_head:
            self._add(re.sub(r"[ \t\r\n\f]+", " ", data))

    def _add(self, text: str) -> None:
        table = self._tables[-1] if self._tables else None
        if table is None:
            self._text.append(text)
        else:
            (table.caption if table.cell is None else table.cell).append(text)

    def handle_comment(self, data: str) -> None:
        """Takes a comment, unless it is one of those that old browsers obey."""
        if data.strip() and not re.match(r"\[(?:if|endif)|<!\[", data.strip()):
            self.loaded.find("comments", "", data)

    def flush(self) -> None:
        """Ends a paragraph."""
        if self._tables and self._tables[-1].cell is not None:
            self._tables[-1].cell.append("\n")
            return
        text = _lines("".join(self._text))
        self._text.clear()
        if text:
            kind = "heading" if self._heading else "text"
            text = " ".join(text.split()) if self._heading else self._label + text
            self.loaded.blocks.append(Block(kind, text, level=self._heading))
            self._label = ""
            if self._heading == 1 and not self.loaded.title:
                self.loaded.title = text[:200]
        self._heading = 0

    # ------------------------------------------------------------ tables

    def _in_table(self, tag: str, values: dict[str, str]) -> None:
        table = self._tables[-1]
        self._close_cell()
        if tag == "tr":
            table.rows.append([])
            return
        if not table.rows:
            table.rows.append([])
        across, down = (
            min(max(int(value), 1), limit) if (value := values.get(name, "1")).isdecimal() and len(value) < 5 else 1
            for name, limit in (("colspan", 60), ("rowspan", 500))
        )
        table.spans = (across, down)
        table.cell = []

    def _close_cell(self) -> None:
        table = self._tables[-1]
        if table.cell is None:
            self._carry(table)
            return
        text = _lines("".join(table.cell))
        table.cell = None
        row = table.rows[-1]
        self._carry(table)
        across, down = table.spans
        self._cells += across
        if self._cells > MAX_CELLS:
            raise Unfit("too_big")
        for _ in range(across):
            if down > 1:
                table.carried[len(row)] = (down - 1, text)
            row.append(text)

    def _carry(self, table: _Table) -> None:
        """Puts cells from above that span this row where they stand."""
        if not table.rows:
            return
        row = table.rows[-1]
        while len(row) in table.carried:
            left, text = table.carried[len(row)]
            if left <= 0 or len(table.rows) < 2:
                break
            if left == 1:
                del table.carried[len(row)]
            else:
                table.carried[len(row)] = (left - 1, text)
            row.append(text)
            self._cells += 1

    def _close_table(self) -> None:
        self._close_cell()
        table = self._tables.pop()
        outer = self._tables[-1] if self._tables else None
        if outer is not None and outer.cell is not None:
            outer.cell.append("\n".join(" ".join(row) for row in table.rows))
        else:
            caption = _lines("".join(table.caption))
            if caption:
                self.loaded.blocks.append(Block("text", caption))
            add_table(self.loaded, [TableRow(row) for row in table.rows])

    def finish(self) -> None:
        """Ends what the page left open."""
        self.close()
        while self._tables:
            self._close_table()
        if self._hidden:
            self._close_hidden(self._hidden[0])
        self.flush()


def _lines(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def read_html(content: bytes) -> Loaded:
    """Visible text of a page with its headings, lists and tables.

    Raises:
        Unfit: ``unsafe`` for elements nested too deep, ``too_big``, ``encoding``.
    """
    page = Page()
    page.feed(decode(content))
    page.finish()
    return page.loaded
