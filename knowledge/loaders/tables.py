"""Tables of any format: question and answer columns make entries, other rows carry their header."""

from __future__ import annotations

import hashlib

from knowledge.loaders.blocks import Block, Entry, Loaded

_QUESTION = ("问题", "标准问", "问法", "question", "提问")  # zh: what people type
_ANSWER = ("答案", "回答", "答复", "回复", "answer")  # zh: what people type
_ALIASES = ("相似问", "其他问法", "别名", "aliases", "相似问题", "其它问法")  # zh: what people type
_CATEGORY = ("分类", "类别", "category")  # zh: what people type


def rows_to_document(loaded: Loaded, rows: list[list[str]], *, sheet: str) -> None:
    """Adds a table to a document.

    Args:
        loaded: The document; entries or row blocks are appended.
        rows: Cells as text, the first non-empty row being the header; ragged rows are allowed.
        sheet: Name of the sheet, or empty.
    """
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return
    header = [cell.strip().lower() for cell in filled[0]]
    question, answer = _column(header, _QUESTION), _column(header, _ANSWER)
    if question is not None and answer is not None and len(filled) > 1:
        aliases, category = _column(header, _ALIASES), _column(header, _CATEGORY)
        for row in filled[1:]:
            asked = _cell(row, question)
            if asked:
                others = [
                    part.strip() for part in _cell(row, aliases).replace("；", "\n").replace("|", "\n").splitlines()
                ]
                loaded.entries.append(
                    Entry(
                        entry="q" + hashlib.sha256(f"{sheet}\0{asked}".encode()).hexdigest()[:12],
                        question=asked[:500],
                        answer=_cell(row, answer),
                        aliases=[other[:500] for other in others if other],
                        category=_cell(row, category)[:80],
                    )
                )
        _drop_repeated(loaded)
        return
    titles = filled[0]
    if len(filled) == 1:
        loaded.blocks.append(Block("row", "；".join(cell for cell in titles if cell), sheet=sheet))
    for row in filled[1:]:
        cells = [
            f"{titles[at]}：{cell}" if at < len(titles) and titles[at] and titles[at] != cell else cell
            for at, cell in enumerate(row)
            if cell
        ]
        loaded.blocks.append(Block("row", "；".join(cells), sheet=sheet))


def _drop_repeated(loaded: Loaded) -> None:
    first: dict[str, Entry] = {}
    for entry in loaded.entries:
        first.setdefault(entry.entry, entry)
    loaded.entries = list(first.values())


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((at for at, cell in enumerate(header) if cell in names), None)


def _cell(row: list[str], at: int | None) -> str:
    return row[at].strip() if at is not None and at < len(row) else ""
