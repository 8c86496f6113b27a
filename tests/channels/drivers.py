"""One driver for each channel on which somebody talks with the bot in private: what a person does there, and what is seen."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import httpx

from bot.main import Program
from bot.play import Player, parse_line
from bot.rendering.capabilities import PLAY, TELEGRAM, TERMINAL, WEB, WECHAT, WECOM, WECOM_BOT, Capabilities
from engagement.clocks import SetClock
from engagement.kernel import Kind, Outgoing, Place, Receipt
from tests.channels.house import WECOM_KEY, WECOM_TOKEN, House
from tests.channels.shown import Again, Shown, Talk, Trouble
from tests.platforms.telegram import answer, delay, drop, too_many
from tests.platforms.telegram.chats import message_update, press_update
from tests.platforms.wechat import signing
from tests.platforms.wecom.sealing import Seal, signature
from tests.platforms.wecom_bot import Hangup

_numbers = itertools.count(5000)


class Driver:
    """A channel as people have it.

    Attributes:
        name: of the channel in the product; ``can``: what it can show in private.
        repeats: its platform may tell the same twice.
        troubles: how its platform can fail; ``odd``: kinds of messages that are no words.
    """

    name: ClassVar[str]
    can: ClassVar[Capabilities]
    account: ClassVar[str] = ""
    repeats: ClassVar[bool] = True
    troubles: ClassVar[frozenset[Trouble]] = frozenset()
    odd: ClassVar[tuple[str, ...]] = ()

    def __init__(self, house: House) -> None:
        self.house = house

    async def newcomer(self) -> Talk:
        """Somebody who has said nothing yet."""
        return Talk(f"neighbour{next(_numbers)}")

    async def called(self, talk: Talk, name: str) -> bool:
        """Somebody gives himself a name from now on; False where the platform tells none."""
        return False

    async def typed(self, talk: Talk, text: str) -> Again:
        """Somebody types something; returns what makes the platform tell of it, the first time and again."""
        raise NotImplementedError

    async def say(self, talk: Talk, text: str) -> Again:
        """Somebody types something and the platform tells of it; returns what makes it tell it again."""
        tell = await self.typed(talk, text)
        await tell()
        return tell

    async def press(self, talk: Talk, shown: Shown, key: str) -> Again:
        """Somebody presses a button."""
        raise NotImplementedError

    async def send_odd(self, talk: Talk, kind: str) -> None:
        """Somebody sends what is no words."""
        raise NotImplementedError

    async def trouble(self, kind: Trouble) -> None:
        """Let the platform fail at the next call."""
        raise NotImplementedError

    async def well(self) -> None:
        """Let the platform work again."""

    async def leave(self, talk: Talk) -> None:
        """Somebody shuts the bot out, or leaves."""
        raise NotImplementedError

    async def seen(self, who: str) -> list[Shown]:
        """Everything that a person sees of the bot, in order."""
        raise NotImplementedError

    # ---------------------------------------------------------------- alike everywhere

    async def send(self, message: Outgoing) -> Receipt:
        """Send something of ours as answers are sent."""
        return await self.house.send(message)

    async def hear(self, talk: Talk, wanted: int = 1, seconds: float = 10.0) -> str:
        """Wait for an answer and read it; with 0 wanted, for whatever there is once all is settled."""
        end = time.monotonic() + seconds
        while True:
            await self.house.settle()
            seen = await self.seen(talk.who)
            if len(seen) - talk.read >= wanted or time.monotonic() > end:
                break
            await asyncio.sleep(0.02)
        talk.news, talk.read = seen[talk.read :], len(seen)
        assert len(talk.news) >= wanted, f"{self.name}: nothing came"
        return talk.text

    async def ask(self, talk: Talk, text: str, wanted: int = 1) -> str:
        """Type something and read what comes."""
        await self.say(talk, text)
        return await self.hear(talk, wanted)

    async def quiet(self, talk: Talk) -> list[Shown]:
        """Return what came unasked until all is settled: a moment is given to what comes by itself."""
        await asyncio.sleep(0.05)
        await self.hear(talk, 0)
        return talk.news

    async def choose(self, talk: Talk, number: int = 1) -> Again:
        """Take a choice of the last message, in whichever way the channel offers it."""
        if not self.can.button_limit:
            return await self.say(talk, str(number))
        shown = next(one for one in reversed(talk.news) if one.buttons)
        return await self.press(talk, shown, shown.buttons[number - 1])

    def message(self, talk: Talk, key: str, values: dict[str, object], **more: Any) -> Outgoing:
        """Words of ours to a person, unasked."""
        return Outgoing(
            more.pop("kind", Kind.DM),
            self.name,
            self.account,
            Place.DM,
            talk.who,
            "suite",
            key,
            values,
            to=talk.who,
            **more,
        )


class Telegram(Driver):
    """By webhook."""

    name, can, account = "telegram", TELEGRAM, "1"
    troubles = frozenset({Trouble.ERROR, Trouble.CUT, Trouble.SLOW, Trouble.BUSY})
    odd = ("sticker", "voice", "location", "contact", "poll", "dice", "video", "animation", "new_kind_of_2027")

    @property
    def fake(self) -> Any:
        return self.house.telegram

    async def newcomer(self) -> Talk:
        return Talk(str(next(_numbers)))

    async def called(self, talk: Talk, name: str) -> bool:
        self.fake.names[int(talk.who)] = name
        return True

    def _event(self, update: dict[str, Any]) -> Again:
        update = {"update_id": self.fake.next_update_id()} | update

        async def tell() -> None:
            assert await self.fake.post_update(update) == 200

        return tell

    async def typed(self, talk: Talk, text: str) -> Again:
        who = int(talk.who)
        return self._event(message_update(self.fake.chat(who), self.fake.person(who), text))

    async def press(self, talk: Talk, shown: Shown, key: str) -> Again:
        who = int(talk.who)
        query = f"q{next(_numbers)}"
        tell = self._event(press_update(self.fake.chat(who), self.fake.person(who), int(shown.where), key, query))
        await tell()
        return tell

    async def send_odd(self, talk: Talk, kind: str) -> None:
        who = int(talk.who)
        update = message_update(self.fake.chat(who), self.fake.person(who), "")
        del update["message"]["text"]
        update["message"][kind] = {"file_id": "x", "file_unique_id": "x", "duration": 1}
        await self._event(update)()

    async def trouble(self, kind: Trouble) -> None:
        faults: dict[Trouble, Any] = {
            Trouble.ERROR: answer(502, raw=b"<html>"),
            Trouble.CUT: drop(),
            Trouble.SLOW: delay(3.0),
            Trouble.BUSY: too_many(1),
        }
        self.fake.fail("sendMessage", faults[kind])

    async def leave(self, talk: Talk) -> None:
        await self.fake.block(int(talk.who))

    async def seen(self, who: str) -> list[Shown]:
        return [
            Shown(
                one.text,
                tuple(key for row in one.buttons for key in row),
                str(one.message_id),
                one.method == "sendPhoto",
                "document" if one.method == "sendDocument" else "",
                str(one.reply_to or ""),
                tuple(f"{kind}:{words}" for kind, words in one.entities if kind != "bold"),
            )
            for one in self.fake.sent(int(who))
        ]


class WeChat(Driver):
    """The Official Account in safe mode."""

    name, can, account = "wechat", WECHAT, signing.APP_ID
    troubles = frozenset({Trouble.ERROR, Trouble.CUT, Trouble.SLOW, Trouble.BUSY, Trouble.EXPIRED})
    odd = ("image", "voice", "video", "shortvideo", "location", "new_kind_of_2027")

    @property
    def fake(self) -> Any:
        return self.house.wechat

    async def newcomer(self) -> Talk:
        return Talk(f"o-{next(_numbers)}")

    def _event(self, fields: dict[str, Any]) -> Again:
        self.fake._grant(fields["FromUserName"], "message")
        log, answered = self.fake.log, []  # type: ignore[var-annotated]

        async def tell() -> None:
            before = len(log)
            await self.fake.deliver(fields)
            assert not [one for one in log[before:] if one.way == "fault"], "the platform apologised for us"
            passive = [one.text for one in log[before:] if one.way == "passive"]
            if not answered:
                answered.append(passive)
                return
            # To each try the answer that the first one got, if it is remembered: people see one of them.
            assert passive in (answered[0], [])
            log[before:] = [one for one in log[before:] if one.way != "passive"]

        return tell

    async def typed(self, talk: Talk, text: str) -> Again:
        return self._event(self.fake.text(talk.who, text.replace("]]>", "]]]]><![CDATA[>")))

    async def send_odd(self, talk: Talk, kind: str) -> None:
        fields = self.fake.text(talk.who, "") | {"MsgType": kind}
        del fields["Content"]
        await self._event(fields | {"MediaId": "media-1", "Location_X": "23.1", "Label": "x"})()

    async def trouble(self, kind: Trouble) -> None:
        path = "/cgi-bin/message/custom/send"
        if kind is Trouble.EXPIRED:
            self.fake.expire_tokens()
            return
        how: dict[Trouble, Any] = {Trouble.ERROR: b"<html>", Trouble.CUT: None, Trouble.SLOW: 3.0, Trouble.BUSY: -1}
        self.fake.fail(path, how[kind])

    async def leave(self, talk: Talk) -> None:
        await self.fake.act(talk.who, "unsubscribe")

    async def seen(self, who: str) -> list[Shown]:
        return [
            Shown(one.text, picture=bool(one.media_id))
            for one in self.fake.log
            if one.who == who and not one.code and one.way != "fault"
        ]


class WeChatPlain(WeChat):
    """The Official Account in plain mode."""


class Wecom(Driver):
    """The company's own app, to one member."""

    name, can = "wecom", WECOM
    troubles = frozenset({Trouble.ERROR, Trouble.SLOW, Trouble.BUSY, Trouble.EXPIRED})
    odd = ("image", "voice", "video", "location", "link", "new_kind_of_2027")

    @property
    def fake(self) -> Any:
        return self.house.wecom

    async def newcomer(self) -> Talk:
        talk = await super().newcomer()
        self.fake.members.add(talk.who)
        return talk

    def _event(self, who: str, inner: str) -> Again:
        now, number = int(self.house.now().timestamp()), next(_numbers)
        head = (
            f"<ToUserName>{self.fake.corp_id}</ToUserName><FromUserName>{who}</FromUserName>"
            f"<CreateTime>{now}</CreateTime><AgentID>7</AgentID><MsgId>{number}</MsgId>"
        )

        async def tell() -> None:
            stamp, nonce = str(int(self.house.now().timestamp())), f"n{next(_numbers)}"
            sealed = Seal.of(WECOM_KEY, self.fake.corp_id).close(f"<xml>{head}{inner}</xml>".encode())
            query = {
                "msg_signature": signature(WECOM_TOKEN, (stamp, nonce, sealed)),
                "timestamp": stamp,
                "nonce": nonce,
            }
            async with httpx.AsyncClient(trust_env=False) as client:
                body = f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()
                status = (await client.post(f"{self.house.url}/wecom/callback", params=query, content=body)).status_code
            assert status in (200, 413), status

        return tell

    async def typed(self, talk: Talk, text: str) -> Again:
        words = text.replace("]]>", "]]]]><![CDATA[>")
        return self._event(talk.who, f"<MsgType>text</MsgType><Content><![CDATA[{words}]]></Content>")

    async def send_odd(self, talk: Talk, kind: str) -> None:
        await self._event(
            talk.who, f"<MsgType>{kind}</MsgType><MediaId>media-1</MediaId><Location_X>23.1</Location_X>"
        )()

    async def trouble(self, kind: Trouble) -> None:
        how: dict[Trouble, Any] = {Trouble.ERROR: "drop", Trouble.SLOW: 3.0, Trouble.BUSY: 45009}
        if kind is Trouble.EXPIRED:
            self.fake.expire_tokens()
        else:
            self.fake.script["message/send"].append(how[kind])

    async def leave(self, talk: Talk) -> None:
        self.fake.members.discard(talk.who)

    async def seen(self, who: str) -> list[Shown]:
        return [Shown(one.content) for one in self.fake.log if one.to == f"user:{who}"]

    def message(self, talk: Talk, key: str, values: dict[str, object], **more: Any) -> Outgoing:
        return replace(super().message(talk, key, values, **more), account=self.fake.corp_id)


class WecomBot(Driver):
    """The AI bot, over its long connection."""

    name, can, account = "wecom_bot", WECOM_BOT, "bot-1"
    troubles = frozenset({Trouble.ERROR, Trouble.CUT, Trouble.SLOW, Trouble.BUSY})
    odd = ("image", "voice", "video", "location", "mixed", "new_kind_of_2027")

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._names: dict[str, str] = {}

    @property
    def fake(self) -> Any:
        return self.house.wecom_bot

    async def called(self, talk: Talk, name: str) -> bool:
        self._names[talk.who] = name
        return True

    async def typed(self, talk: Talk, text: str) -> Again:
        number = f"said{next(_numbers)}"

        async def tell() -> None:
            name = {"name": self._names[talk.who]} if talk.who in self._names else {}
            await self.fake.say(talk.who, text, msgid=number, **{"from": {"userid": talk.who, **name}})
            await asyncio.sleep(0.02)

        return tell

    async def press(self, talk: Talk, shown: Shown, key: str) -> Again:
        number = f"press{next(_numbers)}"

        async def again() -> None:
            await self.fake.press(talk.who, key, msgid=number)
            await asyncio.sleep(0.05)

        await again()
        return again

    async def send_odd(self, talk: Talk, kind: str) -> None:
        await self.fake.say(talk.who, "", msgtype=kind, **{kind: {"url": "", "content": ""}})

    async def trouble(self, kind: Trouble) -> None:
        match kind:
            case Trouble.ERROR:
                await self.fake.hang_up(Hangup.ERROR)
            case Trouble.CUT:
                self.fake.lose_answers = 1
            case Trouble.SLOW:
                await self.fake.hang_up(Hangup.GONE)
            case _:
                self.fake.per_minute = 0

    async def well(self) -> None:
        self.fake.per_minute, self.fake.lose_answers = 30, 0
        await self.fake.wait_for(lambda: self.fake.live)

    async def seen(self, who: str) -> list[Shown]:
        return [
            Shown(
                "" if one.buttons or one.media else one.text,
                tuple(key.lstrip("!") for key in one.buttons) or ((f"up:{one.feedback}",) if one.feedback else ()),
                picture=one.media is not None and one.media.kind == "image",
                document=one.media.name if one.media is not None and one.media.kind == "file" else "",
            )
            for one in self.fake.seen
            if one.chat == who and one.finished
        ]


class Sim(Driver):
    """The simulator, by its page's requests."""

    name, can, repeats = "sim", WEB, False
    odd = ("photo", "voice")

    async def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as client:
            found = await client.post(f"{self.house.url}/sim/api/{name}", json=body)
        assert found.status_code in (200, 409, 413), found.text
        told: dict[str, Any] = found.json()
        return told

    async def newcomer(self) -> Talk:
        body = {"conversation": "yangguang", "name": f"邻居{next(_numbers)}", "invited_by": ""}
        return Talk(str((await self._post("join", body))["person"]))

    async def say(self, talk: Talk, text: str) -> Again:
        await self._post("say", {"conversation": talk.who, "person": talk.who, "text": text})
        return self._never

    async def press(self, talk: Talk, shown: Shown, key: str) -> Again:
        body = {"conversation": talk.who, "person": talk.who, "line": shown.where, "key": key}
        await self._post("press", body)
        return self._never

    async def _never(self) -> None:
        raise AssertionError("a page tells nothing twice")

    async def send_odd(self, talk: Talk, kind: str) -> None:
        await self._post("say", {"conversation": talk.who, "person": talk.who, "text": "", "media": kind})

    async def seen(self, who: str) -> list[Shown]:
        async with httpx.AsyncClient(trust_env=False) as client:
            found = await client.get(
                f"{self.house.url}/sim/api/lines", params={"conversation": who, "before": "999999999"}
            )
        return [
            Shown(
                "".join(words for words, _bold in line["parts"]),
                tuple(button["key"] for row in line["buttons"] for button in row),
                str(line["id"]),
                bool(line["picture"]),
            )
            for line in found.json()["lines"]
            if line["from"] == "bot"
        ]


class TerminalDriver(Driver):
    """The terminal, line by line."""

    name, can, repeats = "terminal", TERMINAL, False

    async def say(self, talk: Talk, text: str) -> Again:
        assert self.house.terminal is not None
        await self.house.terminal.line(f"{talk.who}> {text}")
        return Sim(self.house)._never

    async def seen(self, who: str) -> list[Shown]:
        mine = f"（对 {who}）团团："
        return [Shown(text.removeprefix(mine)) for text in self.house.written if text.startswith(mine)]


class Play(Driver):
    """A script that is replayed, on a clock of its own."""

    name, can = "local", PLAY
    odd = ("photo", "voice")

    def __init__(self, program: Program, clock: SetClock) -> None:
        self.lines: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}
        self.program = program
        self.player = Player(program, clock, self.lines.append)

    async def send(self, message: Outgoing) -> Receipt:
        return await self.player.stage.send(message)

    async def called(self, talk: Talk, name: str) -> bool:
        self._names[talk.who] = name
        return True

    async def _line(self, talk: Talk, **more: Any) -> Again:
        body = {"member": talk.who, "name": self._names.get(talk.who, ""), "id": f"in{next(_numbers)}", **more}

        async def again() -> None:
            clock = self.player.clock
            at = (clock.now() + timedelta(seconds=2)).isoformat()
            await self.player.line(parse_line(body | {"at": at}, 1))

        await again()
        return again

    async def say(self, talk: Talk, text: str) -> Again:
        return await self._line(talk, text=text)

    async def press(self, talk: Talk, shown: Shown, key: str) -> Again:
        return await self._line(talk, button=key)

    async def send_odd(self, talk: Talk, kind: str) -> None:
        await self._line(talk, media=kind)

    async def hear(self, talk: Talk, wanted: int = 1, seconds: float = 0.0) -> str:
        seen = await self.seen(talk.who)
        talk.news, talk.read = seen[talk.read :], len(seen)
        assert len(talk.news) >= wanted, "nothing came"
        return talk.text

    async def seen(self, who: str) -> list[Shown]:
        return [
            Shown(
                str(line["text"]),
                tuple(button["key"] for button in line["buttons"]),
                str(line["id"]),
                bool(line["picture"]),
            )
            for line in self.lines
            if line["to"] == who
        ]


FAR: dict[str, type[Driver]] = {
    "telegram": Telegram,
    "wechat": WeChat,
    "wecom": Wecom,
    "wecom_bot": WecomBot,
}
NEAR: dict[str, type[Driver]] = {"wechat_plain": WeChatPlain, "sim": Sim, "terminal": TerminalDriver}
NAMES = (*FAR, *NEAR, "play", "page")
