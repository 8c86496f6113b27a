"""Values and ports of the product: what comes in and what goes out. Pure: no database, no network."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

MAX_TEXT = 2000
"""Longer messages are cut here at the edge; nobody types that much to a bot in a group."""
MAX_NAME, RIGHTS = 32, "rights"


class Event(StrEnum):
    """What kind of thing came in."""

    MESSAGE = "message"
    BUTTON = "button"
    JOIN = "join"
    LEAVE = "leave"
    BOT_ADDED = "bot_added"
    BOT_REMOVED = "bot_removed"
    MIGRATED = "migrated"
    TROUBLE = "trouble"
    REACTION = "reaction"


class Place(StrEnum):
    """Where a conversation happens."""

    GROUP = "group"
    DM = "dm"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event of a channel, already parsed and bounded.

    Attributes:
        channel, account: which channel and which of its bot accounts.
        dedupe_key: natural key of the event on that account; a redelivery has the same.
        place: group or private chat.
        conversation: the channel's id of the chat.
        sender: the channel's id of the person who acts; empty when nobody can be known (anonymous admins).
        sender_name: as the platform shows it; cleaned by :func:`one_line` when stored.
        text: the words, the bot's mention removed; a TROUBLE's fixed word; ``RIGHTS`` of a BOT_ADDED that changes those.
        message_id, reply_to: the channel's ids of this message, quoted by the answer, and of the one it quotes, if any.
        addressed: the bot was mentioned, or one of its messages quoted; ``button``: key of a pressed button.
        subject, subject_name: who joined or left, when that is not the sender; ``invited_by``: who brought ``subject``.
        group_name, zone: known when the bot is added, or when the platform says so; ``new_id``: the chat's (MIGRATED).
        sender_is_admin: the platform says that the sender administers the chat; None when unknown.
        can_read: on BOT_ADDED: whether the bot sees all messages; None when unknown.
        media: ``photo``, ``voice``, in private ``file``; ``heard`` where a voice message's words stand in ``text``, and what
            bot.voice says besides; ``media_id`` is what the channel fetches it by.
        file_name: of a file, as somebody else named it; ``file_size``: in bytes, as the channel says, 0 when unknown.
        desk_person: who acts on a page, already signed in, as ``desk_role`` (``resident``, ``leader``) at most or, empty, with
            all rights; ``desk_group``: what it is about; ``desk_about``: what is answered. No channel can set these four.
    """

    event: Event
    channel: str
    dedupe_key: str
    place: Place
    conversation: str
    sender: str
    occurred_at: datetime
    received_at: datetime
    account: str = ""
    sender_name: str = ""
    text: str = ""
    message_id: str = ""
    reply_to: str = ""
    addressed: bool = False
    button: str = ""
    subject: str = ""
    subject_name: str = ""
    invited_by: str = ""
    new_id: str = ""
    group_name: str = ""
    zone: str = ""
    thread: str = ""
    sender_is_admin: bool | None = None
    can_read: bool | None = None
    media: str = ""
    media_id: str = ""
    file_name: str = ""
    file_size: int = 0
    desk_person: int = 0
    desk_group: int = 0
    desk_about: str = ""
    desk_role: str = ""

    def dump(self) -> str:
        """Encode for the inbox row."""
        # Not asdict(): it copies in depth and was the dearest part of receiving a message.
        data = {n: v for n in self.__slots__ if (v := getattr(self, n)) not in ("", None)}
        for name in ("addressed", "file_size", "desk_person", "desk_group"):
            if not data[name]:
                del data[name]
        data["occurred_at"] = self.occurred_at.astimezone(UTC).isoformat()
        data["received_at"] = self.received_at.astimezone(UTC).isoformat()
        return _encode(data)

    @classmethod
    def load(cls, body: str) -> Incoming:
        """Decode what :meth:`dump` wrote."""
        data: dict[str, Any] = json.loads(body)
        data["event"] = Event(data["event"])
        data["place"] = Place(data["place"])
        data["occurred_at"] = datetime.fromisoformat(data["occurred_at"])
        data["received_at"] = datetime.fromisoformat(data["received_at"])
        data.setdefault("sender", "")  # an anonymous administrator's
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message: what it sends back, and the text key and values of its label.

    Attributes:
        key: at most 64 bytes, ``prefix:reference``; the prefix's owner handles it.
        optional: left out where choices are numbered in the text; ``settles``: answers the question that it stands under.
    """

    key: str
    label: str
    values: Mapping[str, object] = field(default_factory=dict)
    optional: bool = False
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A small text file that goes with a message (an export of one's data).

    Attributes:
        name: file name, chosen by us; ``text``: UTF-8, at most 1 MB.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """A picture to be drawn when the message goes out, never in a transaction.

    Attributes:
        name: template of prompts/cards; ``values``: for it, JSON-able, somebody else's words escaped and on one line.
    """

    name: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer comes from, so that a person can open it."""

    document: str
    chunk: str
    quote: str


class Kind(StrEnum):
    """How a message goes out."""

    REPLY = "reply"
    PUSH = "push"
    DM = "dm"
    EDIT = "edit"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a feature wants said; rendered per channel from the text ``key`` and ``values``.

    Attributes:
        key: text of prompts/texts.
        values: for the placeholders, JSON-able. Strings are shown on one line; a list of strings is shown line by line;
            ``{rows:slice.row}`` renders a list of mappings with another text. ``tails``: keys of further paragraphs.
        kind: REPLY quotes what it answers; PUSH goes to the group unasked; DM goes to ``to`` in private; EDIT replaces the
            words of our latest message about ``subject`` in the group, and is dropped when there is none.
        to: person id for DM, or ``chat``: its (channel, account, id); also who is mentioned in a group when ``mention``.
        group_id: which group a PUSH goes to, or a DM is about; default the context's.
        subject: what a quote of this message is about, ``prefix:reference``.
        quotes: subject of our message in the group that a PUSH of a job quotes; without one it goes out unquoting.
        emoji: of a REACTION; ``document``: a text file with it; ``card``: a picture, left out if it cannot be drawn.
        refuses: it is a no, and what was written with it stays (a counted try); a page shows it as one.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    tails: Sequence[str] = ()
    kind: Kind = Kind.REPLY
    to: int | None = None
    chat: tuple[str, str, str] | None = None
    mention: bool = False
    group_id: int | None = None
    buttons: Sequence[Button] = ()
    citations: Sequence[Citation] = ()
    subject: str = ""
    quotes: str = ""
    emoji: str = ""
    card: Card | None = None
    document: Document | None = None
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A push that is said within another one's message: its text and values."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    tails: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply with its address: what stands in an outbox or delivery row and is given to a channel.

    Attributes:
        conversation, reply_to: the channel's ids of the chat to send to, and of the message that is answered.
        to: the channel's id of the person meant (dm, mention); ``to_name`` is shown.
        feature: the slice that speaks, for logs and figures.
        picture: file name of the drawn card, in the folder of pictures; set just before sending.
        more: what other pushes of the same hour say in this message.
        row: names its row in the outbox or of a delivery at every try, set before sending; empty of what stands in none.
    """

    kind: Kind
    channel: str
    account: str
    place: Place
    conversation: str
    feature: str
    key: str
    values: Mapping[str, object]
    tails: Sequence[str] = ()
    reply_to: str = ""
    thread: str = ""
    to: str = ""
    to_name: str = ""
    mention: bool = False
    buttons: Sequence[Button] = ()
    citations: Sequence[Citation] = ()
    subject: str = ""
    emoji: str = ""
    card: Card | None = None
    picture: str = ""
    document: Document | None = None
    more: Sequence[Section] = ()
    row: str = field(default="", compare=False)

    def dump(self) -> str:
        """Encode for a row."""
        # Not asdict(): it copies every value deeply, and 5,000 pushes are encoded inside the writer.
        data = {n: v for n in self.__slots__ if (v := getattr(self, n)) not in ("", None, False, (), [])}
        for name in ("buttons", "citations", "more"):
            if name in data:
                data[name] = [asdict(one) for one in data[name]]
        for name in ("card", "document"):
            if name in data:
                data[name] = asdict(data[name])
        return _encode(data)

    @classmethod
    def load(cls, body: str) -> Outgoing:
        """Decode what :meth:`dump` wrote."""
        data: dict[str, Any] = {"values": {}, "account": "", "conversation": "", "key": "", **json.loads(body)}
        data["kind"], data["place"] = Kind(data["kind"]), Place(data["place"])
        data["tails"] = tuple(data.get("tails", ()))
        data["buttons"] = tuple(Button(**b) for b in data.get("buttons", ()))
        data["citations"] = tuple(Citation(**c) for c in data.get("citations", ()))
        data["more"] = tuple(Section(**one) for one in data.get("more", ()))
        if "card" in data:
            data["card"] = Card(**data["card"])
        if "document" in data:
            data["document"] = Document(**data["document"])
        return cls(**data)


_encode = json.JSONEncoder(ensure_ascii=False).encode


class Outcome(StrEnum):
    """What a platform did with a message (CHANNELS.md)."""

    SENT = "sent"
    RETRY = "retry"
    REJECTED = "rejected"
    GONE = "gone"
    MIGRATED = "migrated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's answer to one send.

    Attributes:
        provider_id: the platform's id of the message, when SENT; ``retry_after``: seconds to wait, when RETRY.
        begun: when not SENT: its beginning is out; after RETRY and UNKNOWN the same message said again is its rest.
        held_until: when RETRY: the platform has it and waits for somebody's yes until then, so the message waits as long.
        unsaid: when SENT: parts left out after all, or broken off (0 is the message itself, 1 the first of its ``more``).
        new_id: the chat's new id, when MIGRATED (nothing was sent).
        reason: fixed word for REJECTED, GONE (the bot was removed, the chat is gone), UNKNOWN, and what is held or unsaid.
    """

    outcome: Outcome
    provider_id: str = ""
    retry_after: float = 0.0
    new_id: str = ""
    reason: str = ""
    held_until: datetime | None = None
    unsaid: Sequence[int] = ()
    begun: bool = False


class Sender(Protocol):
    """A channel's sending half. Never raises for what the platform says; see :class:`Receipt`."""

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message; a call that was cut off between send and answer returns UNKNOWN."""
        ...


class Illustrator(Protocol):
    """Draws a message's card just before it is sent. Never raises: what cannot be drawn goes out in words alone."""

    async def __call__(self, message: Outgoing, /) -> Outgoing:
        """Return the message with ``picture`` set, or as it was."""


async def in_words(message: Outgoing, /) -> Outgoing:
    """Draw nothing: the illustrator of who has no pictures."""
    return message


def row_id(reference: str) -> int:
    """Read the row's id in the reference part of a button or subject; 0, which no row has, when there is none."""
    return int(reference) if reference.isascii() and reference.isdigit() and len(reference) < 19 else 0


_TRADITIONAL = str.maketrans(  # zh: characters of what people type to the bot
    "臺頁網帳號沖衝務輩潛簡鄰裡裏誰樣結凍連雙兩綁離爲為緊報鏈碼覈審詞訴無壞賠類別後禮"
    "簽籤積點題話戰幫數據導劃說説頭換過寫復覆恢榮譽賬戶設時間區靜單錄邀請擁權訊聯絡統計開關啟預覽組員級餘額細贈給賞補領項節榜這個"
    "麼團隱記刪註銷羣擾長來曆詢週總發減動進問轉貨熱線電稱暫繼續識庫檔條併議試異佈滾負責複舉氣農課參練訓賽會終閉沒媽樓殺孫爺婦親對藥機",
    "台页网账号冲冲务辈潜简邻里里谁样结冻连双两绑离为为紧报链码核审词诉无坏赔类别后礼"
    "签签积点题话战帮数据导划说说头换过写复复恢荣誉账户设时间区静单录邀请拥权讯联络统计开关启预览组员级余额细赠给赏补领项节榜这个"
    "么团隐记删注销群扰长来历询周总发减动进问转货热线电称暂继续识库档条并议试异布滚负责复举气农课参练训赛会终闭没妈楼杀孙爷妇亲对药机",
)


def simplified(text: str) -> str:
    """Write the characters that commands and their key words are made of in the simplified script; length is kept.

    Meant for words that are compared, not for names and free text, which stay as they were written.
    """
    return text.translate(_TRADITIONAL)


_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_SPACE = re.compile(r"\s+")
_CLEAN = re.compile(r"[!-~\u3400-\u4dbf\u4e00-\u9fff]+(?: [!-~\u3400-\u4dbf\u4e00-\u9fff]+)*")
"""What needs no cleaning: Latin and Chinese with single blanks between."""


def one_line(text: str, limit: int = MAX_NAME) -> str:
    """Make somebody else's words safe to stand inside a line.

    Control, format (zero-width, bidi, tag) and unassigned characters go, at most two combining marks stay on one letter,
    white space becomes single blanks, and ``limit`` characters remain.

    Source: FAULTS A9, A10.
    """
    if len(text) <= limit and _CLEAN.fullmatch(text):
        return text
    kept: list[str] = []
    marks = 0
    for char in text[: limit * 8]:
        category = unicodedata.category(char)
        if category in _INVISIBLE and char not in "\t\n\r\u200d":
            continue
        if category.startswith("M"):
            marks += 1
            if marks > 2:
                continue
        else:
            marks = 0
        kept.append(char)
    joined = _SPACE.sub(" ", "".join(kept)).strip(" \u200d")
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"
