"""From words to a target: the command table, built from the manifests. 签到 and /checkin are looked up alike.

A command is a command only when it stands alone (or is followed by its argument): 「我昨天忘记签到了怎么办」 is a question.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from engagement import rooms
from engagement.dispatch import Target
from engagement.feature import Command, Context, Feature
from engagement.kernel import Event, Incoming, Place, simplified
from knowledge import understanding

LONGEST_COMMAND = 400
_TYPED = 1000
"""Spellings of bare commands that are remembered."""
_SLASH = re.compile(r"^/([a-z0-9_]{1,32})(?:@\w+)?(?:\s+(.*))?$", re.IGNORECASE | re.DOTALL)
LONGEST_ALONE = 12
_NUMBERED = re.compile(r"([^\W\d]{1,6})[ :：]*([0-9]{1,9}(?:[ ,，:：].*)?)", re.DOTALL)
_QUESTION = ("?", "？", "吗", "么", "呢")
_MARKS = "，。：；？！、（）【】“”‘’…～"
_NO_MARKS = re.compile(f"[^{_MARKS}]+")
_BETWEEN = " :：\n,，#"


def normal(text: str) -> str:
    """Reduce what people type to letters and digits: NFKC, simplified, no blanks, marks, emoji or invisible characters."""
    folded = simplified(unicodedata.normalize("NFKC", text[: LONGEST_COMMAND * 2])).lower()
    return folded if folded.isalnum() else "".join(filter(str.isalnum, folded))


def visible(text: str) -> str:
    """Fold width and take invisible characters out, but keep words apart and names as they are (for arguments)."""
    return _seen(unicodedata.normalize("NFKC", text))


def spoken(text: str) -> str:
    """Return ``visible`` with the Chinese punctuation as it was typed, for words that others will read."""
    return _seen(_NO_MARKS.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text))


def _seen(folded: str) -> str:
    return "".join(c for c in folded if unicodedata.category(c) not in ("Cf", "Cc", "Cs", "Co") or c in "\n\t").strip()


@dataclass(frozen=True, slots=True)
class _Entry:
    feature: Feature
    command: Command


Where: TypeAlias = tuple[str, str, str]
"""(channel, account, conversation) of a group."""


@dataclass(frozen=True, slots=True)
class _Own:
    """What is a command in one group only: normal spelling → target, and who hears what looks like one."""

    settings: Mapping[str, Any]
    spellings: Mapping[str, Target]
    features: Sequence[Feature]


class Routes:
    """The command table."""

    def __init__(self, features: Sequence[Feature]) -> None:
        """Build it.

        Raises:
            ValueError: two commands claim one word.
        """
        self.features = tuple(features)
        self._exact: dict[str, _Entry] = {}
        self._slash: dict[str, _Entry] = {}
        self._prefix: list[tuple[str, _Entry]] = []
        self._numbered: dict[str, _Entry] = {}
        self._fallback: Target | None = None
        self._typed: dict[str, Target] = {}
        self._own: dict[Where, _Own] = {}
        self._asked: dict[str, _Entry] = {}
        self._offers: Target | None = None
        self._urgent: tuple[Callable[[str, bool], bool], Target] | None = None
        for feature in features:
            if feature.fallback is not None:
                self._fallback = Target(feature, feature.fallback)
            if feature.offers is not None:
                self._offers = Target(feature, feature.offers, consent=False)
            if feature.urgent is not None:
                self._urgent = feature.urgent[0], Target(feature, feature.urgent[1], consent=False)
            for command in feature.commands:
                self._add(feature, command)
        self._prefix.sort(key=lambda item: -len(item[0]))

    def _add(self, feature: Feature, command: Command) -> None:
        entry = _Entry(feature, command)
        if command.asked:
            self._asked[command.name] = entry
        for word in command.words:
            key = normal(word)
            if key in self._exact:
                raise ValueError(f"two commands for {word!r}")
            self._exact[key] = entry
            if command.takes:
                self._prefix.append((visible(word).lower(), entry))
        for name in command.slash:
            if name in self._slash:
                raise ValueError(f"two commands for /{name}")
            self._slash[name] = entry

        for word in command.numbered:
            if word in self._numbered:
                raise ValueError(f"two commands for {word!r} with a number")
            self._numbered[word] = entry

    def learn(self, where: Where, settings: Mapping[str, Any]) -> None:
        """Note which words a group's own settings make commands there; cheap when nothing has changed."""
        known = self._own.get(where)
        if (known.settings if known is not None else {}) == settings:
            return
        spellings: dict[str, Target] = {}
        features: list[Feature] = []
        for feature in self.features:
            if feature.own_words is None:
                continue
            found = feature.own_words.spellings(settings)
            if found:
                features.append(feature)
            for spelling, argument in found.items():
                spellings.setdefault(normal(spelling), Target(feature, feature.own_words.handler, argument=argument))
        if spellings:
            self._own[where] = _Own(dict(settings), spellings, features)
        elif known is not None:
            del self._own[where]

    def command(self, text: str, where: Where | None = None, place: Place = Place.GROUP) -> Target | None:
        """Find the command that a text is, or None.

        Args:
            where: the group whose own words count too.
            place: in private some words count with a number behind them.
        """
        found = self._command(text)
        if found is None and place is Place.DM:
            found = self._with_number(text)
        if found is None and where is not None and text and len(text) <= LONGEST_COMMAND:
            own = self._own.get(where)
            return None if own is None else _own_command(text, own)
        return found

    def _with_number(self, text: str) -> Target | None:
        """Find a word that is a command with a number behind it: 「看 3」, and 「有效期 3 到 11-30」."""
        if not text or len(text) > LONGEST_COMMAND:
            return None
        shown = visible(text)
        found = None if shown.endswith(_QUESTION) else _NUMBERED.fullmatch(shown)
        entry = self._numbered.get(simplified(found.group(1)).lower()) if found else None
        if found is None or entry is None:
            return None
        return Target(entry.feature, entry.command.handler, entry.command, found.group(2).strip())

    def alone(self, ctx: Context) -> Target | None:
        """Find a word that wants a number behind it, typed alone in private by somebody whom it is for: 「试发」.

        Its handler says what there is to choose from. To everybody else it is a word like any other.
        """
        text = ctx.incoming.text
        if not text or len(text) > LONGEST_ALONE or ctx.incoming.place is not Place.DM:
            return None
        entry = self._numbered.get(simplified(visible(text)).lower().strip(" 。.!！~～"))
        if entry is None or not _may(ctx, entry.command):
            return None
        return Target(entry.feature, entry.command.handler, entry.command)

    def rather(self, ctx: Context, target: Target | None) -> Target | None:
        """Return a command's target, or what its words mean to somebody who lacks its role, or who typed a word alone."""
        if target is None:
            return self.alone(ctx)
        if target.command is None or _may(ctx, target.command):
            return target
        return self.alone(ctx) or target

    def _command(self, text: str) -> Target | None:
        if not text:
            return None
        if len(text) > LONGEST_COMMAND:
            # Long texts are mostly neighbours talking: only the beginning is folded before it is known.
            found = self._slashed(text[:LONGEST_COMMAND]) or self._followed(spoken(text[:LONGEST_COMMAND]))
            if found is None or found.command is None or not found.command.long:
                return None
            return self._slashed(text) or self._followed(spoken(text))
        typed = self._typed.get(text)
        if typed is not None:
            return typed
        if _SLASH.match(text.strip()):
            return self._slashed(text)
        entry = self._exact.get(normal(text))
        shown = visible(text)
        if entry is not None and not shown.endswith(_QUESTION):
            target = Target(entry.feature, entry.command.handler, entry.command)
            if len(self._typed) < _TYPED:
                # A bare command says nothing about anybody, and most messages are one of a few spellings.
                self._typed[text] = target
            return target
        return self._followed(spoken(text))

    def _slashed(self, text: str) -> Target | None:
        slash = _SLASH.match(text.strip())
        entry = self._slash.get(slash.group(1).lower()) if slash else None
        if slash is None or entry is None:
            return None
        return Target(
            entry.feature, entry.command.handler, entry.command, _passed_on(entry.command, slash.group(2) or "")
        )

    def _followed(self, shown: str) -> Target | None:
        """Find a command's word with its argument behind it."""
        shown = shown.lstrip("#@ ")
        bare = simplified(shown).lower()
        for word, candidate in self._prefix:
            rest = bare[len(word) : len(word) + 1]
            if rest and bare.startswith(word) and rest in _BETWEEN:
                argument = _passed_on(candidate.command, shown[len(word) :].strip(_BETWEEN))
                if argument:
                    target = Target(candidate.feature, candidate.command.handler, candidate.command, argument)
                    asks = self._fallback is not None and target.handler is self._fallback.handler
                    return (self.meant(argument) if asks else None) or target
        return None

    def meant(self, text: str, ctx: Context | None = None) -> Target | None:
        """Find the command that a whole sentence means: what only shows is shown, what would change something is offered.

        To who lacks the command's role (None: nobody is known to have it) the sentence is a question like any other, unless the
        command has a no of its own for him.

        Source: FAULTS A13.
        """
        entry = self._asked.get(understanding.meant(text))
        if entry is None:
            return None
        answers = entry.command.refusal and entry.command.asked == "shown"  # nobody is offered what he may not do
        if entry.command.roles and not answers and (ctx is None or not _may(ctx, entry.command)):
            return None
        if entry.command.asked == "shown":
            return Target(entry.feature, entry.command.handler, entry.command)
        return None if self._offers is None else replace(self._offers, argument=entry.command.name)

    def urgent(self, text: str, answers: bool) -> Target | None:
        """Return who answers words that must not wait for anything else (a leader's answer: :attr:`Feature.urgent`)."""
        return self._urgent[1] if self._urgent is not None and self._urgent[0](text, answers) else None

    def fallback(self) -> Target | None:
        """Return who answers addressed words that are no command."""
        return self._fallback

    def is_chatter(self, incoming: Incoming) -> bool:
        """Say whether a message is neighbours talking to each other: counted, never stored (DESIGN §4)."""
        return (
            incoming.event is Event.MESSAGE
            and incoming.place is Place.GROUP
            and not incoming.addressed
            and self.command(incoming.text, (incoming.channel, incoming.account, incoming.conversation)) is None
        )


def _passed_on(command: Command, argument: str) -> str:
    """Return what follows a command as its handler gets it."""
    return spoken(argument) if command.quotes else visible(argument)


def _may(ctx: Context, command: Command) -> bool:
    """Say whether somebody has a role that a command asks for; in private, in any of the groups that he leads."""
    if not command.roles or ctx.actor.roles & command.roles:
        return True
    leads = ctx.actor.leader or (ctx.incoming.place is Place.DM and bool(rooms.led(ctx)))
    return "leader" in command.roles and leads


def _own_command(text: str, own: _Own) -> Target | None:
    shown = visible(text)
    if shown.endswith(_QUESTION):
        return None
    found = own.spellings.get(normal(text))
    if found is not None:
        return found
    for feature in own.features:
        words = feature.own_words
        match = words.others.fullmatch(simplified(shown)) if words is not None and words.others is not None else None
        if words is not None and match is not None and words.is_meant(match.group(1)):
            return Target(feature, words.handler, argument=shown)
    return None
