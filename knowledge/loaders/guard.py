"""What is looked at before a parser sees a file: first bytes, the zip's true size, every XML part's shape.

Source: FAULTS D1, D2, D4.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from xml.parsers import expat

MAX_PARTS = 3000
MAX_UNPACKED = 80 * 1024 * 1024
MAX_DEPTH = 200

_MAGIC = {".docx": b"PK\x03\x04", ".xlsx": b"PK\x03\x04", ".pptx": b"PK\x03\x04", ".pdf": b"%PDF-"}
_MAIN = {".docx": "word/document.xml", ".xlsx": "xl/workbook.xml", ".pptx": "ppt/presentation.xml"}
_BINARY = (
    b"PK\x03\x04",
    b"%PDF-",
    b"\x7fELF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"\xd0\xcf\x11\xe0",
    b"Rar!",
    b"7z\xbc\xaf",
)
_OLE = b"\xd0\xcf\x11\xe0"
_OLD_FORMATS = {"WordDocument": "save_as_docx", "Workbook": "save_as_xlsx", "PowerPoint Document": "save_as_pptx"}

BROKEN: tuple[type[Exception], ...] = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    SyntaxError,  # lxml's and defusedxml's errors are among these
    ArithmeticError,
    AssertionError,
    EOFError,
    OSError,
    NotImplementedError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What the libraries that read Office files and PDF are known to raise over a damaged one."""


class Unfit(Exception):
    """A file that is not taken in.

    Args:
        code: ``damaged``, ``encrypted``, ``unsafe``, ``too_big``, ``no_text``, ``encoding``, ``save_as_docx``,
            ``save_as_xlsx``, ``save_as_pptx``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_magic(suffix: str, content: bytes) -> None:
    """Refuses a file whose first bytes belong to another format.

    Raises:
        Unfit: ``encrypted`` for a password-protected Office file, ``save_as_…`` for one of the old formats under a
            new name, else ``damaged``.
    """
    wanted = _MAGIC.get(suffix)
    if wanted is None:
        if content.startswith(_BINARY):
            raise Unfit("damaged")
        return
    if wanted == b"PK\x03\x04" and content.startswith(_OLE):
        for stream, code in _OLD_FORMATS.items():
            if stream.encode("utf-16-le") in content:
                raise Unfit(code)
        raise Unfit("encrypted")  # Office wraps a protected package in an OLE container
    if not (content.startswith(wanted) or (suffix == ".pdf" and wanted in content[:1024])):
        raise Unfit("damaged")


def check_package(content: bytes, suffix: str) -> None:
    """Unpacks an Office package once, counting real bytes, and walks through every XML part.

    Raises:
        Unfit: ``too_big``, ``unsafe`` (DOCTYPE, a packed archive inside, nesting beyond ``MAX_DEPTH``) or ``damaged``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            if len(parts) > MAX_PARTS:
                raise Unfit("too_big")
            if _MAIN[suffix] not in {part.filename for part in parts}:
                raise Unfit("damaged")
            left = MAX_UNPACKED
            for part in parts:
                if part.flag_bits & 0x1:
                    raise Unfit("encrypted")
                left -= _check_part(package, part, left)
    except BROKEN as error:
        raise Unfit("damaged") from error


def _check_part(package: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> int:
    is_xml = part.filename.lower().endswith((".xml", ".rels", ".vml"))
    walker = _walker() if is_xml else None
    size = 0
    with package.open(part) as stream:
        while piece := stream.read(1 << 16):
            if size == 0 and piece.startswith(b"PK\x03\x04"):
                raise Unfit("unsafe")
            size += len(piece)
            if size > left:
                raise Unfit("too_big")
            if walker is not None:
                _feed(walker, piece, final=False)
    if walker is not None and size:
        _feed(walker, b"", final=True)
    return size


def _feed(walker: expat.XMLParserType, piece: bytes, *, final: bool) -> None:
    try:
        walker.Parse(piece, final)
    except expat.ExpatError as error:
        raise Unfit("damaged") from error


def _walker() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    depth = 0

    def opened(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise Unfit("unsafe")

    def closed(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise Unfit("unsafe")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = doctype
    return parser


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")


def decode(content: bytes) -> str:
    """Text of bytes: by its mark (UTF-8, UTF-16), else UTF-8, else GB18030.

    Raises:
        Unfit: ``encoding`` when none of them gives readable text.
    """
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            names = [name]
            break
    else:
        names = ["utf-8", "gb18030"]
    for name in names:
        try:
            text = content.decode(name)
        except UnicodeError:
            continue
        if len(_CONTROL.findall(text)) * 200 <= len(text):
            return _CONTROL.sub("", text)
    raise Unfit("encoding")
