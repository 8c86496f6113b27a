"""A month of a group of 300: who is there, what each is like, and what they say, minute by minute.

Most never speak to the bot, some check in every morning, a few talk all day; messages come twice, people join and leave,
form families, forget a day and make it up, press buttons that the bot offers, ask what everybody asks. Sample data: names are
a surname, a title and a house number.

    for line in Month(seed=1).lines(): …     # the dicts that `python -m bot play` takes, in order of time

:meth:`Month.react` says what somebody does about an output (presses a button, agrees to something); whoever plays the month
puts those lines in between.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
GROUP = "g1"
LEADER = "u0"
FAQ = Path(__file__).resolve().parents[2] / "prompts/knowledge/faq"
Line = dict[str, Any]

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_TITLES = ("阿姨", "姐", "叔", "妈妈", "奶奶", "大爷", "哥", "老师")
_TALK = (
    "今天风好大", "谁家的猫跑到三单元了", "到货了吗", "刚买了两斤橘子，挺甜", "孩子作业写到十点", "楼下又停水",
    "哈哈哈", "收到", "好的", "谢谢团长", "明天降温多穿点", "有人一起拼车吗", "快递放门口就行", "这家豆腐不错", "早", "晚安",
)  # fmt: skip
_ANSWERS = (
    "我家{when}做{dish}，孩子抢着吃", "{dish}要小火慢慢来", "小时候外婆常做{dish}", "我觉得{dish}最下饭，{when}就做",
    "{when}在阳台晒了会儿太阳，心情好", "{when}陪老人走了走，说说话", "冰箱里只剩{dish}了，凑合一顿",
)  # fmt: skip
_DISHES = (
    "红烧肉",
    "番茄鸡蛋面",
    "萝卜排骨汤",
    "清炒菜心",
    "酸菜鱼",
    "小米粥",
    "饺子",
    "豆角焖面",
    "冬瓜丸子汤",
    "凉拌木耳",
)
_WHEN = ("今天", "昨晚", "周末", "早上", "中午", "下班以后")
_CHECKINS = ("签到", "签到", "签到", "打卡", "打卡！", "早，签到", "签到啦", "✅签到", "签 到", "簽到")
_LOOKS: tuple[str, ...] = ("积分", "积分", "我的积分", "积分明细", "排行榜", "周榜", "打卡日历", "今日话题")
_LOOKS += ("我的家庭", "新手任务", "积分账单", "帮助")


@dataclass(frozen=True, slots=True)
class Resident:
    """What somebody is like: chances a day, each 0 to 1."""

    id: str
    name: str
    checks_in: float
    answers: float
    asks: float
    looks: float
    talks: float


class Month:
    """A month of one group.

    Args:
        seed: everything follows from it.
        people: residents, the leader not counted.
        days: local days.
        start: the first of them.
    """

    def __init__(self, seed: int, people: int = 300, days: int = 30, start: date = date(2026, 12, 1)) -> None:
        """Make the people."""
        self.rng = random.Random(seed)
        self.days, self.start = days, start
        self.residents = [self._resident(number) for number in range(1, people + 1)]
        self.questions = _phrasings()
        self._sent = 0

    def _resident(self, number: int) -> Resident:
        rng = self.rng
        name = f"{number % 20 + 1}栋{_SURNAMES[number % len(_SURNAMES)]}{_TITLES[number // 20 % len(_TITLES)]}{number}"
        kind = rng.choices(("daily", "often", "seldom", "silent"), (25, 25, 30, 20))[0]
        chances = {
            "daily": (0.93, 0.45, 0.10, 0.30, 0.9),
            "often": (0.6, 0.2, 0.08, 0.15, 0.7),
            "seldom": (0.15, 0.05, 0.04, 0.05, 0.4),
            "silent": (0.0, 0.0, 0.005, 0.0, 0.1),
        }[kind]
        return Resident(f"u{number}", name, *(chance * rng.uniform(0.7, 1.1) for chance in chances))

    # ---------------------------------------------------------------- what comes by itself

    def lines(self) -> Iterator[Line]:
        """Every line that does not depend on what the bot says, in order of time."""
        opened = datetime.combine(self.start, time(6, 50), ZONE)
        named = {"name": "阳光花园一期", "zone": "Asia/Shanghai", "leader": LEADER, "leader_name": "周团长"}
        yield {"at": opened.isoformat(), "group": GROUP, "create": named, "id": "create"}
        for minute, text in enumerate(("群信息 提货点 东门快递柜", "群信息 提货时间 16:00-20:00", "签到"), start=1):
            yield self._says(opened + timedelta(minutes=minute), LEADER, "周团长", text, private=text != "签到")
        for number in range(self.days):
            yield from sorted(self._day(self.start + timedelta(days=number), number), key=lambda line: str(line["at"]))
        end = datetime.combine(self.start + timedelta(days=self.days), time(6, 0), ZONE)
        yield {"at": end.isoformat()}

    def _day(self, day: date, number: int) -> Iterator[Line]:
        rng = self.rng
        for one in self.residents:
            morning = self._moment(day, rng.gauss(8.2, 1.2), 6.95)
            if rng.random() < one.checks_in:
                yield from self._twice(self._says(morning, one.id, one.name, rng.choice(_CHECKINS)))
                if rng.random() < 0.04:
                    yield self._says(morning + timedelta(minutes=5), one.id, one.name, "签到")
            elif one.checks_in > 0.3 and rng.random() < 0.15:
                yield self._says(morning + timedelta(hours=3), one.id, one.name, rng.choice(("补签", "补签 昨天")))
            if rng.random() < one.answers:
                answer = rng.choice(_ANSWERS).format(dish=rng.choice(_DISHES), when=rng.choice(_WHEN))
                at = self._moment(day, rng.gauss(12, 3), 8)
                yield from self._twice(self._says(at, one.id, one.name, f"话题 {answer}"))
            if rng.random() < one.asks:
                at = self._moment(day, rng.gauss(15, 4), 7)
                yield self._says(at, one.id, one.name, rng.choice(self.questions), addressed=True)
            if rng.random() < one.looks:
                at = self._moment(day, rng.gauss(19, 2.5), 7)
                yield self._says(at, one.id, one.name, rng.choice(_LOOKS), private=rng.random() < 0.3)
            for _ in range(rng.randrange(7) if rng.random() < one.talks else 0):
                yield self._says(self._moment(day, rng.uniform(7, 23), 7), one.id, one.name, rng.choice(_TALK))
        yield from self._events(day, number)

    def _events(self, day: date, number: int) -> Iterator[Line]:
        """Comings and goings, families, and the leader's day."""
        rng = self.rng
        at = self._moment(day, 10.5, 7)
        if number % 2 == 0:
            new = f"n{number}"
            by = rng.choice(self.residents).id
            yield {"at": at.isoformat(), "group": GROUP, "join": new, "name": f"新邻居{number}", "invited_by": by}
            for minute, text in ((2, "签到"), (4, "帮助"), (9, "积分")):
                yield self._says(at + timedelta(minutes=minute), new, f"新邻居{number}", text)
        if number % 7 == 6:
            gone = self.residents[rng.randrange(len(self.residents))]
            yield {"at": at.isoformat(), "group": GROUP, "leave": gone.id}
        if number % 3 == 1:
            one, other = rng.sample(self.residents, 2)
            yield self._says(at, one.id, one.name, f"加入家庭 {other.name}")
            yield self._says(at + timedelta(minutes=3), other.id, other.name, f"同意 {one.name}")
            yield self._says(at + timedelta(minutes=5), one.id, one.name, "我的家庭")
        lucky = rng.choice(self.residents)
        evening = self._moment(day, 20.2, 7)
        for minute, text in ((0, "今日一览"), (1, f"加分 {lucky.name} {rng.randrange(5, 30)} 帮忙搬货"), (2, "待回复")):
            yield self._says(evening + timedelta(minutes=minute), LEADER, "周团长", text, private=minute != 1)
        yield self._says(self._moment(day, 7.05, 6), LEADER, "周团长", "签到")

    def _moment(self, day: date, hour: float, earliest: float) -> datetime:
        seconds = int(min(23.9, max(earliest, hour)) * 3600) + self.rng.randrange(60)
        return datetime.combine(day, time(0), ZONE) + timedelta(seconds=seconds)

    def _says(
        self, at: datetime, who: str, name: str, text: str, *, addressed: bool = False, private: bool = False
    ) -> Line:
        self._sent += 1
        line: Line = {"at": at.isoformat(), "member": who, "name": name, "text": text, "id": f"m{self._sent}"}
        if not private:
            line["group"] = GROUP
        if addressed:
            line["addressed"] = True
        return line

    def _twice(self, line: Line) -> Iterator[Line]:
        """One message in fifty is delivered again."""
        yield line
        if self.rng.random() < 0.02:
            again = datetime.fromisoformat(line["at"]) + timedelta(seconds=self.rng.randrange(40))
            yield {**line, "at": again.isoformat()}

    # ---------------------------------------------------------------- what follows from what the bot says

    def react(self, output: Mapping[str, Any], asker: str) -> Line | None:
        """Return what somebody does about an output, or None: a third of the offered buttons is pressed.

        Args:
            output: a line that ``play`` put out.
            asker: whose message it answers; empty for a push.
        """
        buttons: Sequence[Mapping[str, str]] = output.get("buttons") or ()
        safe = [one["key"] for one in buttons if not one["key"].startswith(("erase", "undo"))]
        who = output.get("to") or asker
        if not safe or not who or self.rng.random() > 0.35:
            return None
        self._sent += 1
        at = datetime.fromisoformat(output["at"]) + timedelta(seconds=self.rng.randrange(4, 90))
        line: Line = {"at": at.isoformat(), "member": who, "button": self.rng.choice(safe), "id": f"m{self._sent}"}
        if output.get("group"):
            line["group"] = output["group"]
        return line


def _phrasings() -> list[str]:
    found: list[str] = []
    for path in sorted(FAQ.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found += json.loads(line)["aliases"][:12]
    return found
