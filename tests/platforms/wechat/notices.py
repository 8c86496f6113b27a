"""The platform's own forms: templates, who agreed to what and how often, what each field takes, and the day's count."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

TAKES = {
    "thing": r".{1,20}",
    "number": r"[0-9]{1,32}(\.[0-9]+)?",
    "letter": r"[A-Za-z]{1,32}",
    "symbol": r"[^\w\s]{1,5}",
    "character_string": r"[\x21-\x7e]{1,32}",
    "time": r"([0-9]{4}[-年/.][0-9]{1,2}[-月/.][0-9]{1,2}日? ?)?([0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?",
    "date": r"[0-9]{4}[-年/.][0-9]{1,2}[-月/.][0-9]{1,2}日?( [0-9]{1,2}:[0-9]{2})?",
    "amount": r"[^0-9]?[0-9]{1,10}(\.[0-9]+)?元?",
    "name": r".{1,10}",
    "phrase": "[\u4e00-\u9fff]{1,5}",
    "const": r".{1,20}",
}
"""Kind of a field → what the documents say that it takes."""


@dataclass(slots=True)
class Notices:
    """One account's templates.

    Attributes:
        templates: id → its content, ``{{thing1.DATA}}``; of template messages and of subscription notices.
        agreed: (person, template) → how often they may still be told.
        left: calls of each path today.
        told: (person, template, data, address) that arrived.
        refused: codes of those that did not.
    """

    templates: dict[str, str] = field(default_factory=dict)
    subscriptions: dict[str, str] = field(default_factory=dict)
    agreed: Counter[tuple[str, str]] = field(default_factory=Counter)
    left: int = 100_000
    told: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def listed(self, path: str) -> dict[str, Any]:
        """Answer who asks for the templates."""
        if path.startswith("/wxaapi"):
            rows = [{"priTmplId": one, "content": content, "type": 2} for one, content in self.subscriptions.items()]
            return {"errcode": 0, "data": rows}
        return {"template_list": [{"template_id": one, "content": text} for one, text in self.templates.items()]}

    def send(self, asked: dict[str, Any], *, follows: bool | None, subscription: bool) -> dict[str, Any]:
        """Take a notice or say why not; ``follows`` is None for a stranger."""
        code = self._refusal(asked, follows, subscription)
        who, template = str(asked.get("touser")), str(asked.get("template_id"))
        if code:
            self.refused.append(code)
            return {"errcode": code, "errmsg": "no"}
        if subscription:
            self.agreed[(who, template)] -= 1
        self.left -= 1
        data = {name: str(one["value"]) for name, one in asked["data"].items()}
        self.told.append((who, template, data, str(asked.get("url", ""))))
        return {"errcode": 0, "errmsg": "ok", "msgid": 200_163_836 + len(self.told)}

    def _refusal(self, asked: dict[str, Any], follows: bool | None, subscription: bool) -> int:
        who, template = str(asked.get("touser")), str(asked.get("template_id"))
        content = (self.subscriptions if subscription else self.templates).get(template)
        noes = (
            (self.left <= 0, 45009),
            (follows is None, 40003),
            (content is None, 40037),
            (not subscription and follows is False, 43004),
            (subscription and self.agreed[(who, template)] <= 0, 43101),
            (subscription and "url" in asked, 47001),
            (not self._fits(content or "", asked.get("data", {})), 47003),
        )
        return next((code for no, code in noes if no), 0)

    @staticmethod
    def _fits(content: str, data: dict[str, Any]) -> bool:
        if set(re.findall(r"\{\{(\w+)\.DATA\}\}", content)) != data.keys():
            return False
        kinds = {name: re.sub(r"[0-9]+$", "", name) for name in data}
        return all(re.fullmatch(TAKES[kinds[name]], str(one["value"])) for name, one in data.items())
