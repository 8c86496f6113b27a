"""A page of the web as a document: fetched behind the guard of ``web``, then taken in like any file.

Source: F69, FAULTS D5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import scratch, web
from knowledge.errors import KnowledgeRefusal

if TYPE_CHECKING:
    from knowledge.settings import DocumentSettings

NAME_MOST = 200
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_UNFIT = re.compile(r"[^\w.-]+")


def is_link(text: str) -> bool:
    """Say whether words are a web address and nothing else."""
    return bool(_LINK.fullmatch(text.strip()))


def allowed(settings: DocumentSettings | None, url: str) -> DocumentSettings:
    """Return the settings under which a page may be fetched.

    Raises:
        KnowledgeRefusal: ``kb.url_off``.
    """
    if settings is None or not settings.urls:
        raise KnowledgeRefusal("kb.url_off", url=url[:80])
    return settings


@contextmanager
def page(url: str, settings: DocumentSettings | None) -> Iterator[tuple[Path, str]]:
    """Fetches a page into a file for ``ingest.add``, with the name of its document: its address. Call it in a thread.

    Args:
        url: http or https.
        settings: Whether this is allowed at all.

    Raises:
        KnowledgeRefusal: what ``web.fetch`` refuses.
    """
    address = url.strip().partition("#")[0]
    fetched = web.fetch(address, allowed(settings, address))
    with scratch.folder() as folder:
        path = fetched.save(folder)
        # A page without a title is called by its file, so that has to be a name that people can read.
        shown = _UNFIT.sub(" ", fetched.name.removesuffix(fetched.suffix)).strip(" .")[:60]
        yield path.rename(path.with_name(f"{shown or 'page'}{fetched.suffix}")), address[:NAME_MOST]
