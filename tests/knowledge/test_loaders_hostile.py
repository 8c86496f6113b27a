"""Files that want to hurt: each prepared one within its limits, and thousands of damaged ones without a surprise."""

from __future__ import annotations

import io
import json
import os
import random
import re
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knowledge import loaders
from knowledge.errors import KnowledgeRefusal
from knowledge.loaders import child
from knowledge.loaders.guard import Unfit
from prompts.loader import texts
from tests.full import FULL
from tests.knowledge.paper import handbook

pytestmark = pytest.mark.untraced

SECONDS = 10
MEGABYTES = 300


def _listing(folder: Path) -> set[tuple[str, int, int]]:
    return {(path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_every_prepared_file_stays_within_its_limits_and_is_met_as_its_list_says(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "abuse" / "files"
    wrong: list[str] = []
    lines: list[str] = []
    before = _listing(tmp_path)
    for line in (folder / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        started = time.monotonic()
        found = loaders.measured(folder / case["file"])
        seconds = time.monotonic() - started
        lines.append(
            f"{case['file']:24} {found.reason or 'taken':12} {seconds:5.1f} s {found.cpu_seconds:5.2f} s CPU {found.peak_mb:4} MB"
        )
        loaded = found.loaded
        text = " ".join(block.text for block in loaded.blocks) if loaded is not None else ""
        fits = {
            "accept": loaded is not None,
            "accept_with_pii_warning": loaded is not None and "personal_data" in loaded.warnings,
            "accept_sanitised": loaded is not None and "script" not in text and "onerror" not in text,
            "quarantine_or_neutral": loaded is None or bool(loaded.findings),
            "reject": loaded is None,
            "reject_polite": loaded is None,
        }.get(case["expect"], True)
        small = found.cpu_seconds <= SECONDS and found.peak_mb <= MEGABYTES
        if loaded is None:
            texts().fill(f"kb.document_{found.reason}", {"name": case["file"]})
        if not fits or not small or "root:" in text or seconds > case["limits"]["s"] + 2:
            wrong.append(f"{lines[-1]} expected {case['expect']}")
    print("", *lines, sep="\n")
    assert not wrong
    assert _listing(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("通知.doc", "save_as_docx"),
        ("a.WPS", "save_as_docx"),
        ("a.rtf", "save_as_docx"),
        ("a.pages", "save_as_docx"),
        ("a.xls", "save_as_xlsx"),
        ("a.et", "save_as_xlsx"),
        ("a.ppt", "save_as_pptx"),
        ("a.dps", "save_as_pptx"),
        ("扫描件.JPG", "needs_ocr"),
        ("a.heic", "needs_ocr"),
        ("a.zip", "unpack"),
        ("a.rar", "unpack"),
        ("a.exe", "unknown_format"),
        ("a", "unknown_format"),
    ],
)
def test_formats_that_are_not_read_are_refused_with_advice(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(KnowledgeRefusal) as caught:
        loaders.load(tmp_path / name)
    assert caught.value.key == f"kb.document_{reason}"
    assert texts().fill(caught.value.key, caught.value.values).count("。") <= 1


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ("WordDocument", "save_as_docx"),
        ("Workbook", "save_as_xlsx"),
        ("PowerPoint Document", "save_as_pptx"),
        ("EncryptedPackage", "encrypted"),
    ],
)
def test_an_old_format_under_a_new_name_is_not_called_encrypted(tmp_path: Path, stream: str, reason: str) -> None:
    (tmp_path / "a.docx").write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(99)
    )
    assert loaders.measured(tmp_path / "a.docx").reason == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("socket.socket()", "too_big"),
        ("socket.getaddrinfo('localhost', 80)", "too_big"),
        ("open('/etc/hostname').read()", "too_big"),
        ("open(PLACE, 'w')", "too_big"),
        ("os.open(PLACE, os.O_WRONLY | os.O_CREAT)", "too_big"),
        ("os.mkdir(PLACE)", "too_big"),
        ("os.system('true')", "too_big"),
        ("bytearray(400 << 20)", "too_big"),
        ("list(iter(int, 1))", "too_big"),
        ("str(os.getpid())", "damaged"),
    ],
)
def test_a_parser_that_turned_bad_gets_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    """Something else stands in for python-docx and does what it should not, inside the real child.

    What is stopped runs out of memory on purpose and is told as too big; what is let through ends with 3, as damaged.
    """
    place = tmp_path / "written"
    (tmp_path / "docx").mkdir()
    (tmp_path / "docx" / "__init__.py").write_text(
        f"import os, socket, docx.opc.exceptions\nPLACE = {str(place)!r}\ndef Document(stream):\n    try:\n        {body}\n"
        "    except PermissionError:\n        raise MemoryError\n    raise SystemExit(3)\n",
        "utf-8",
    )
    (tmp_path / "docx" / "opc").mkdir()
    (tmp_path / "docx" / "opc" / "__init__.py").write_text("", "utf-8")
    (tmp_path / "docx" / "opc" / "exceptions.py").write_text("class OpcError(Exception): pass\n", "utf-8")
    path = tmp_path / "a.docx"
    path.write_bytes(_word())
    real = subprocess.Popen

    def started(command: list[str], **options: Any) -> object:
        environment = {**options["env"], "PYTHONPATH": f"{tmp_path}{os.pathsep}{loaders._ROOT}"}
        return real(command, **{**options, "env": environment})

    monkeypatch.setattr(subprocess, "Popen", started)
    began = time.monotonic()
    assert loaders.measured(path).reason == reason
    assert time.monotonic() - began < 25
    assert not place.exists()


# ---------------------------------------------------------------- mutants


def _word() -> bytes:
    from docx import Document

    document = Document()
    document.add_heading("提货说明", level=1)
    document.add_paragraph("每天下午四点以后提货。", style="List Number")
    document.add_table(rows=2, cols=2).cell(0, 0).text = "品名"
    buffer = io.BytesIO()
    document.save(buffer)
    return _slim(buffer.getvalue(), ("thumbnail", "theme"))


def _slim(content: bytes, without: tuple[str, ...]) -> bytes:
    """Less of what every template carries, so that more of the damage meets the text; parts stay that are linked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if not any(word in name for word in without) or name.endswith(".rels"):
                new.writestr(name, old.read(name))
    return content if not without else buffer.getvalue() if _opens(buffer.getvalue()) else content


def _opens(content: bytes) -> bool:
    try:
        child.read_bytes(".docx", content)
    except Unfit:
        return False
    return True


def _excel() -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("问答")
        for at, row in enumerate(
            [["问题", "答案", "相似问"], ["几点提货", "下午四点", "啥时候能拿；几点能取"], ["价", 9.9, ""]]
        ):
            sheet.write_row(at, 0, row)
        sheet.merge_range("A5:B6", "合并")
        sheet.set_row(2, None, None, {"hidden": True})
        workbook.add_worksheet("底价").hide()
    return buffer.getvalue()


def _slides() -> bytes:
    from pptx import Presentation

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "团长培训"
    slide.placeholders[1].text = "到货先点数"
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


def _table(separator: str) -> bytes:
    return "\r\n".join(
        separator.join(row) for row in [["问题", "答案"], ['"几点，提货"', "四点"], ["贵吗", "不贵"]]
    ).encode("gb18030")


MARKDOWN = (
    "---\nx: 1\n---\n# 规则\n\n- 一\n  - 二 [看](x)\n\n| 品名 | 产地 |\n|---|---|\n| 梨 | 河北 |\n<b hidden>x</b>\n"
).encode()
HTML = (
    b"<html><head><style>.a{display:none}</style></head><h1>t</h1><ul><li>a<ol><li>b</ol></ul><p class=a>c</p>"
    b"<table><tr><th rowspan=2>x<th colspan=2>y</tr><tr><td>1<td>2</table><!-- n --><script>z</script>"
)
JSONL = '{"id":"a","question":"几点提货","answer":"四点","aliases":["几点取"]}\n{"id":2,"question":"贵吗"}\n'.encode()
SAMPLES: dict[str, tuple[str, Callable[[], bytes], int]] = {
    "docx": (".docx", _word, 70),
    "xlsx": (".xlsx", _excel, 90),
    "pptx": (".pptx", _slides, 30),
    "pdf": (".pdf", lambda: handbook(2), 90),
    "csv": (".csv", lambda: _table(","), 50),
    "tsv": (".tsv", lambda: _table("\t"), 30),
    "md": (".md", lambda: MARKDOWN, 50),
    "html": (".html", lambda: HTML, 50),
    "txt": (".txt", lambda: "第一条 提货\n四点。\n".encode("utf-16"), 20),
    "jsonl": (".jsonl", lambda: JSONL, 20),
}
"""Suffix, file, and how many of 500 mutants."""


def _flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(damaged))
        match rng.randrange(4):
            case 0:
                damaged[at] ^= 1 << rng.randrange(8)
            case 1:
                damaged[at] = rng.randrange(256)
            case 2:
                del damaged[at : at + rng.randrange(1, 9)]
            case _:
                damaged[at:at] = damaged[at : at + rng.randrange(1, 40)]
        if not damaged:
            damaged += b"x"
    return bytes(damaged)


def _mutant(content: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, dropped or doubled: of the file, or of a part inside it that is then packed again."""
    if not content.startswith(b"PK") or rng.random() < 0.3:
        return _flipped(content, rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        telling = [
            name for name in names if any(word in name for word in ("document", "sheet", "slide1.", "styles", "number"))
        ]
        chosen = rng.choice(telling or names)
        for name in names:
            part = old.read(name)
            if name == chosen and part:
                part = _revalued(part, rng) if rng.random() < 0.6 else _flipped(part, rng)
            new.writestr(name, part)
    return buffer.getvalue()


def _revalued(part: bytes, rng: random.Random) -> bytes:
    """XML that is still XML: some values and some element names stand in others' places."""
    names = re.findall(rb"<([a-zA-Z:]+)", part)
    for _ in range(rng.choice((1, 2, 8))):
        if rng.random() < 0.3 and names:
            old, new = rng.choice(names), rng.choice(names)
            part = re.sub(rb"(</?)%s(?=[\s/>])" % re.escape(old), rb"\1" + new, part)
            continue
        values = [found.span() for found in re.finditer(rb'(?<==")[^"]*(?=")', part)]
        if values:
            start, end = rng.choice(values)
            part = (
                part[:start]
                + rng.choice((b"", b"0", b"-1", b"99999999999", b"x", b"1.5", b"\xe4\xb8\x80"))
                + part[end:]
            )
    return part


@pytest.mark.parametrize("kind", SAMPLES)
def test_damaged_files_give_text_or_one_refusal(kind: str) -> None:
    suffix, make, share = SAMPLES[kind]
    content = make()
    child.read_bytes(suffix, content)
    seed = int(os.environ.get("TUANTUAN_SEED") or random.getrandbits(32))
    count = share * 10 if FULL else share
    ends: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        damaged = _mutant(content, random.Random(seed * 100_003 + number))
        started = time.process_time()
        try:
            child.read_bytes(suffix, damaged)
            ends["text"] += 1
        except Unfit as unfit:
            ends[unfit.code] += 1
            texts().raw(f"kb.document_{unfit.code}")
        except Exception as error:
            raise AssertionError(f"{kind}: mutant {number} of seed {seed}") from error
        slowest = max(slowest, time.process_time() - started)
        assert slowest < SECONDS, f"{kind}: mutant {number} of seed {seed}"
    print(f"\n{kind}: {count} mutants of seed {seed}, slowest {slowest:.2f} s, {dict(ends)}")
    assert sum(ends.values()) == count
