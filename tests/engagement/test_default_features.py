"""What every slice must do, asked of each that the registry lists; a new slice is asked without a line here.

Only :data:`USES` has to learn how a slice's personal data come into being.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel
from sqlmodel import select as pick

from engagement.campaigns import service as campaigns
from engagement.campaigns.tables import Beat, Plan
from engagement.feature import Command, Feature, PersonalData
from engagement.invites.tables import InviteCode
from engagement.kernel import Event, Kind, Outgoing
from engagement.members.tables import Lookalike
from engagement.registry import FEATURES
from prompts import campaigns as campaign_packs
from prompts.loader import texts
from storage import wordings
from storage.campaigns import Campaign, Delivery
from storage.documents import Chunk, Document, DocumentVersion
from storage.engine import Session
from storage.groups import Group, Member, RoleGrant
from storage.inbox import Inbox
from tests.engagement.stage import Stage, keys, open_stage, shown

BY_NAME = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
PLUMBING = ("inbox", "outbox", "sent_message")
CANARY = "金丝雀"
RUBBISH = (
    "%s%n'; DROP TABLE member;--",
    "{name} {0} ${x} <b>@所有人</b>",
    "-1 ０ ９９９９９９９９９９９９９９９９９９９９",
    "\u202e\u200b\U000e0041 🧧" * 5,
    "x" * 380,
)
REFERENCES = ("", "1", "999999", "-1", "x", "９", "1:2:3", "9" * 40)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A group with a leader and a resident who has used the bot."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("周团长", "签到")
    return opened


def forms(command: Command) -> Iterator[str]:
    """A command alone and with rubbish behind it, in words and with a slash."""
    for word in (command.words[0], *(f"/{slash}" for slash in command.slash)):
        yield word
        for rubbish in RUBBISH:
            yield f"{word} {rubbish}"


def counts(stage: Stage, without: tuple[str, ...] = PLUMBING) -> dict[str, int]:
    return stage.database.read_now(
        lambda s: {
            table.name: int(s.execute(select(func.count()).select_from(table)).scalar_one())
            for table in SQLModel.metadata.sorted_tables
            if table.name not in without
        }
    )


def contents(stage: Stage, without: tuple[str, ...] = PLUMBING) -> dict[str, list[Any]]:
    """Every row of every table."""
    return stage.database.read_now(
        lambda s: {
            table.name: [tuple(row) for row in s.execute(select(table))]
            for table in SQLModel.metadata.sorted_tables
            if table.name not in without
        }
    )


def stored(stage: Stage, without: tuple[str, ...] = PLUMBING) -> dict[str, list[Any]]:
    """The same as the file has it, to see whether anything has changed; a hundred times quicker."""
    tables = [name for name in SQLModel.metadata.tables if name not in without]

    def read(session: Session) -> dict[str, list[Any]]:
        raw: Any = session.connection().connection.dbapi_connection
        return {name: raw.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}

    return stage.database.read_now(read)


# ---------------------------------------------------------------- what is declared


@BY_NAME
def test_help_is_there(feature: Feature) -> None:
    known = set(texts().keys())
    named = [command.help for command in feature.commands if command.help]
    assert feature.help in known
    assert set(named) <= known
    assert len(named) == len(set(named))
    for command in feature.commands:
        if command.help:
            line = texts().raw(command.help)
            assert any(word in line for word in command.words), f"{command.name}: {line}"


@BY_NAME
def test_help_shows_it(stage: Stage, feature: Feature) -> None:
    """帮助 is short; 全部功能 has every line of a resident's, the headings of 团长帮助 every line of a leader's, each its own.

    The two lists themselves stand in neither: who reads one has found it.
    """
    short = shown(stage.say("李阿姨", "帮助")[0])
    assert len(short.splitlines()) <= 12
    everything = shown(stage.say("李阿姨", "全部功能", private=True)[0])
    (headings,) = stage.say("周团长", "团长帮助", private=True)
    under = [stage.say("周团长", "", button=one.key, private=True)[0] for one in headings.buttons]
    for_leaders = "\n".join(map(shown, (headings, *under)))
    for command in feature.commands:
        if command.help:
            line = texts().raw(command.help)
            listed = line.partition("：")[0] not in ("全部功能", "团长帮助")
            assert (line in everything) is (listed and not command.roles), line
            assert (line in for_leaders) is (listed and "leader" in command.roles), line
            assert line not in short or not command.roles, line
    assert "全部功能" in short
    assert keys(stage.say("李阿姨", "团长帮助")) == ["guard.leader_only"]
    assert "团长帮助" in shown(stage.say("周团长", "帮助")[0])


@BY_NAME
def test_names_are_in_order(feature: Feature) -> None:
    for command in feature.commands:
        assert command.name.startswith(f"{feature.name}.")
        assert command.takes in ("", "optional", "required")
        assert command.words
        for slash in command.slash:
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,31}", slash)
    for data in feature.personal_data:
        assert data.purpose in set(texts().keys())
        table = SQLModel.metadata.tables[data.table]
        assert set(data.columns) <= set(table.columns.keys())
    for prefix in (*feature.buttons, *feature.quotes):
        assert re.fullmatch(r"[a-z][a-z_]{0,19}", prefix), prefix
    for job in feature.jobs:
        assert 0 <= job.minute < 1440
        assert job.grace_minutes > 0


def test_nothing_is_claimed_twice() -> None:
    def twice(values: Iterator[str]) -> set[str]:
        seen: set[str] = set()
        return {value for value in values if value in seen or seen.add(value)}  # type: ignore[func-returns-value]

    assert not twice(feature.name for feature in FEATURES)
    assert not twice(command.name for feature in FEATURES for command in feature.commands)
    assert not twice(prefix for feature in FEATURES for prefix in feature.buttons)
    assert not twice(prefix for feature in FEATURES for prefix in feature.quotes)
    assert not twice(job.kind for feature in FEATURES for job in feature.jobs)
    assert not twice(data.table for feature in FEATURES for data in feature.personal_data)
    assert len([feature for feature in FEATURES if feature.fallback is not None]) == 1


# ---------------------------------------------------------------- what is typed and pressed


@BY_NAME
def test_every_command_answers_whatever_follows_it(stage: Stage, feature: Feature) -> None:
    """In the group and in private, by a resident, the leader and a stranger; the stage accepts no bug."""
    for command in feature.commands:
        for text in forms(command):
            for who, private in (("李阿姨", False), ("周团长", False), ("周团长", True), ("路人", True)):
                said = stage.say(who, text, private=private)
                assert said or (" " in text and not command.takes), (who, text)


@BY_NAME
def test_every_button_answers_whatever_it_refers_to(stage: Stage, feature: Feature) -> None:
    for prefix in feature.buttons:
        for reference in REFERENCES:
            for who, private in (("李阿姨", False), ("周团长", False), ("周团长", True), ("路人", True)):
                assert stage.say(who, "", button=f"{prefix}:{reference}"[:64], private=private), (
                    who,
                    prefix,
                    reference,
                )


@BY_NAME
def test_every_quote_may_refer_to_nothing(stage: Stage, feature: Feature) -> None:
    (message,) = stage.say("李阿姨", "积分")
    for prefix in feature.quotes:
        for reference in ("999999", "answer"):
            quoted = Outgoing(
                **{name: getattr(message, name) for name in message.__slots__} | {"subject": f"{prefix}:{reference}"}
            )
            for who in ("李阿姨", "周团长"):
                stage.say(who, "一句普通的话", quoting=quoted)
                stage.say(who, RUBBISH[1], quoting=quoted)


@BY_NAME
def test_a_redelivery_changes_no_row(stage: Stage, feature: Feature) -> None:
    number = 0
    for command in feature.commands:
        for text in (command.words[0], f"{command.words[0]} 李阿姨 5 谢谢"):
            for who in ("李阿姨", "周团长"):
                number += 1
                stage.say(who, text, dedupe_key=f"again{number}")
                before = stored(stage, without=())
                assert stage.say(who, text, dedupe_key=f"again{number}") == []
                assert stored(stage, without=()) == before, text


@BY_NAME
def test_a_resident_has_no_leader_s_rights(stage: Stage, feature: Feature) -> None:
    before = stored(stage)
    for command in feature.commands:
        if not command.roles:
            continue
        expected = command.refusal or ("guard.leader_only" if "leader" in command.roles else "guard.staff_only")
        with_words = [f"{command.words[0]} 李阿姨 5 谢谢"] if command.takes else []
        for text in (command.words[0], *with_words, *(f"/{slash}" for slash in command.slash)):
            assert keys(stage.say("李阿姨", text)) == [expected], text
            assert keys(stage.say("李阿姨", text, private=True)) == [expected], text
    assert changed(before, stored(stage)) <= {"identity"}


@BY_NAME
def test_a_leader_s_buttons_do_nothing_for_a_resident(stage: Stage, feature: Feature) -> None:
    """A resident presses what a leader was shown."""
    for command in feature.commands:
        if "leader" not in command.roles:
            continue
        for text in (command.words[0], f"{command.words[0]} 李阿姨 5 谢谢"):
            for message in stage.say("周团长", text):
                before = stored(stage)
                for button in message.buttons:
                    assert keys(stage.say("李阿姨", "", button=button.key)) == ["guard.leader_only"], button.key
                assert stored(stage) == before


@BY_NAME
def test_the_muted_change_nothing(stage: Stage, feature: Feature) -> None:
    def mute(session: Any) -> None:
        for member in session.exec(pick(Member)):
            member.muted_until = stage.clock.now().replace(year=2030)
            session.add(member)

    stage.database.write_now(mute)
    before = stored(stage)
    for command in feature.commands:
        for who in ("李阿姨", "周团长"):
            assert keys(stage.say(who, f"{command.words[0]}")) in (["guard.muted"], ["🙊"])
    for prefix in feature.buttons:
        assert keys(stage.say("周团长", "", button=f"{prefix}:1")) in (["guard.muted"], [])
    assert stored(stage) == before


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


# ---------------------------------------------------------------- personal data


def _ask(stage: Stage) -> None:
    stage.say(CANARY, f"问团长 {CANARY}的快递到了没有")
    (waiting,) = stage.say("周团长", "待回复")[:1]
    stage.say("周团长", f"已经放到{CANARY}家门口了", quoting=waiting)


def _talk(stage: Stage) -> None:
    (topic,) = stage.say(CANARY, "今日话题")
    stage.say(CANARY, f"我家的{CANARY}会唱歌", quoting=topic)


def _advertise(stage: Stage) -> None:
    (topic,) = stage.say(CANARY, "今日话题")
    stage.say(CANARY, f"{CANARY}想赚钱，加我微信 abc12345", quoting=topic)


def _grant(stage: Stage) -> None:
    person = stage.person(CANARY)
    stage.database.write_now(lambda s: s.merge(RoleGrant(person_id=person, role="staff", granted_at=stage.clock.now())))


def _nothing(stage: Stage) -> None:
    """The check-in that everybody begins with is enough."""


def _make_family(stage: Stage) -> None:
    """CANARY and a neighbour share their points, and CANARY gives the family a name."""
    stage.say(CANARY, "邀请家人 李阿姨")
    stage.say("李阿姨", f"同意加入 {CANARY}")
    stage.say(CANARY, f"家庭名 {CANARY}一家")


def _act(stage: Stage) -> None:
    """CANARY is a leader who sets something."""
    stage.say("周团长", f"设团长 {CANARY}")
    stage.say(CANARY, "免打扰 21:00-8:00")


def _birthday(stage: Stage) -> None:
    (sure,) = stage.say(CANARY, "我的生日 5-20")
    stage.say(CANARY, "", button=sure.buttons[0].key)


def _likes(stage: Stage) -> None:
    _, page = stage.say(CANARY, "我的偏好")
    stage.say(CANARY, "", button=page.buttons[0].key)


def _switch_off(stage: Stage) -> None:
    _, page = stage.say(CANARY, "通知设置")
    stage.say(CANARY, "", button=page.buttons[0].key)


def _pass_for_the_leader(stage: Stage) -> None:
    person = stage.person(CANARY)
    stage.database.write_now(
        lambda s: s.add(Lookalike(group_id=stage.group_id, person_id=person, name=CANARY, found_at=stage.clock.now()))
    )


def _announce(stage: Stage) -> None:
    """CANARY leads a group and tells it something; another leader stays."""
    stage.say("周团长", f"设团长 {CANARY}")
    (draft,) = stage.say(CANARY, f"发公告 {CANARY}家的冷链车晚到", private=True)
    stage.say(CANARY, "", button=draft.buttons[0].key, private=True)


def _make_up(stage: Stage) -> None:
    stage.say("周团长", f"加分 {CANARY} 20 谢谢")
    stage.say(CANARY, "签到", "2026-12-03T09:00")
    (asked,) = stage.say(CANARY, "补签")
    assert keys(stage.say(CANARY, "", button=asked.buttons[-1].key)) == ["checkin.makeup_made"]


def _take_leave(stage: Stage) -> None:
    stage.say(CANARY, "请假 12-05 12-06")


def _expire(stage: Stage) -> None:
    stage.say("周团长", "积分有效期 12个月")
    stage.say("周团长", f"加分 {CANARY} 20 谢谢")


def _ask_for_more(stage: Stage) -> None:
    stage.say("周团长", "设团长 李阿姨")
    stage.say("周团长", f"加分 {CANARY} 300 谢谢{CANARY}")


def _bring(stage: Stage) -> None:
    """CANARY adds a newcomer to the group."""
    stage.happen(Event.JOIN, "新邻居", subject="新邻居", subject_name="新邻居", invited_by=CANARY)


def _press_link(stage: Stage) -> None:
    """CANARY presses the link of a neighbour's poster for another group."""

    def elsewhere(session: Any) -> None:
        group = Group(channel="play", external_id="g2", name="二期", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        assert group.id is not None
        there = Member(group_id=group.id, person_id=stage.person("李阿姨"), name="李阿姨", joined_at=stage.clock.now())
        session.add(there)
        session.flush()
        assert there.id is not None
        session.add(
            InviteCode(member_id=there.id, group_id=group.id, code="K7F3", token="K7F3K7F3", made_at=stage.clock.now())
        )

    stage.database.write_now(elsewhere)
    assert keys(stage.say(CANARY, "/start iK7F3K7F3", private=True)) == ["invites.door_no_link"]


def _wonder(stage: Stage) -> None:
    stage.say(CANARY, f"请问 {CANARY}能养吗")


def _published(stage: Stage) -> int:
    """A document with one entry that answers may come from."""

    def make(session: Any) -> int:
        now = stage.clock.now()
        document = Document(name="样例", created_at=now)
        session.add(document)
        session.flush()
        assert document.id is not None
        version = DocumentVersion(document_id=document.id, number=1, state="published", digest="0", created_at=now)
        session.add(version)
        session.flush()
        assert version.id is not None
        session.add(Chunk(version_id=version.id, ordinal=0, entry="pickup.hours", kind="entry", title="几点提货"))
        return document.id

    return stage.database.write_now(make)


def _thumb(stage: Stage) -> None:
    stage.say(CANARY, "", button=f"up:{_published_once(stage)}:pickup.hours")


def _published_once(stage: Stage) -> int:
    found = stage.database.read_now(lambda s: s.exec(pick(Document.id).where(Document.name == "样例")).first())
    return found or _published(stage)


def _correct(stage: Stage) -> None:
    """CANARY leads the group and puts an answer right."""
    stage.say("周团长", f"设团长 {CANARY}")
    (message,) = stage.say("周团长", "积分")
    number = _published_once(stage)
    fields = {name: getattr(message, name) for name in message.__slots__}
    answer = Outgoing(**fields | {"subject": f"faq:{number}:pickup.hours"})
    assert keys(stage.say(CANARY, f"不对，是到{CANARY}家门口的架子上拿", quoting=answer)) == ["faq.correction_taken"]


def _answer_a_campaign(stage: Stage) -> None:
    """CANARY presses the button under a campaign."""

    def make(session: Session) -> int:
        now, day = stage.clock.now(), stage.clock.now().date()
        campaign = Campaign(key="样例", kind="calendar", created_at=now)
        session.add(campaign)
        session.flush()
        plan = Plan(key="样例", name="样例", form="own", campaign_id=campaign.id, first_day=day, last_day=day, written_at=now)
        session.add(plan)
        session.flush()
        row: dict[str, Any] = {"campaign_id": campaign.id, "group_id": stage.group_id, "local_date": day}
        session.add(Delivery(**row, shard="", state="sent", due_at=now, expires_at=now))
        session.flush()
        return plan.id or 0

    plan = stage.database.write_now(make)
    stage.say(CANARY, "", button=f"cal_in:{plan}")


def _curate(stage: Stage) -> None:
    """CANARY brought a document."""
    person = stage.person(CANARY)

    def make(session: Any) -> None:
        now = stage.clock.now()
        document = Document(name="规则", title="规则", created_at=now, owner=f"staff:{person}")
        session.add(document)
        session.flush()
        version = DocumentVersion(document_id=document.id or 0, number=1, digest="1", created_at=now)
        version.created_by, version.created_by_id = f"staff:{person}", person
        session.add(version)

    stage.database.write_now(make)


def _calendar(stage: Stage) -> tuple[int, int]:
    """A campaign that somebody else wrote, and its only day: 2026-12-20."""

    def make(session: Session) -> tuple[int, int]:
        plan = session.exec(pick(Plan).where(Plan.key == "sample:2026")).first()
        if plan is None:
            table = {"key": "sample", "name": "样例活动", "form": "event", "slogan": "样例", "when": {"day": "12-20"}}
            beat = {"at": "10:00", "title": "样例", "text": "样例"}
            pack = campaign_packs.parse(table | {"beat": [beat]}, "sample.toml")
            plan = campaigns.plan(session, pack, 2026, stage.clock.now())
        return plan.id or 0, session.exec(pick(Beat.id).where(Beat.plan_id == plan.id)).one() or 0

    return stage.database.write_now(make)


def _approve(stage: Stage) -> None:
    """CANARY is of the staff and approves a campaign."""
    number, _ = _calendar(stage)
    if stage.database.read_now(lambda s: s.get_one(Plan, number).stage) == "draft":
        _grant(stage)
        assert keys(stage.say(CANARY, f"批准 {number}", private=True)) == ["campaigns.approved"]


def _reword(stage: Stage) -> None:
    """The group has CANARY's own words for a campaign; tests/engagement/campaigns/test_chat_words.py has the dialogue."""
    _, beat = _calendar(stage)
    person = stage.person(CANARY)
    stage.database.write_now(
        lambda s: wordings.write(s, f"beat:{beat}", "group:1", f"{CANARY}家先来", person, stage.clock.now())
    )


USES: dict[str, tuple[Callable[[Stage], Any], str]] = {
    "identity": (_nothing, CANARY),
    "role_grant": (_grant, "staff"),
    "member": (_nothing, CANARY),
    "consent": (_nothing, "2026-12-01T01:00:00+00:00"),
    "checkin": (_nothing, "2026-12-01"),
    "checkin_streak": (_nothing, '"streak": 1'),
    "checkin_makeup": (_make_up, '"paid": "points"'),
    "checkin_pause": (_take_leave, '"last": "2026-12-06"'),
    "ledger_entry": (lambda stage: stage.say("周团长", f"加分 {CANARY} 20 谢谢{CANARY}"), f"谢谢{CANARY}"),
    "ledger_reason": (lambda stage: stage.say("周团长", f"加分 {CANARY} 20 谢谢{CANARY}"), ""),
    "ledger_lot": (_expire, "2027-12-31"),
    "gift_request": (_ask_for_more, f"谢谢{CANARY}"),
    "moderation_case": (_advertise, f"{CANARY}想赚钱"),
    "award_trace": (_talk, "digest"),
    "topic_answer": (_talk, f"我家的{CANARY}会唱歌"),
    "theme_score": (_nothing, '"month": "2026-12"'),
    "leader_action": (_act, "group_setting"),
    "birthday": (_birthday, '"birthday": "5-20"'),
    "preference": (_likes, "fruit"),
    "notice_off": (_switch_off, '"not_wanted": "points"'),
    "lookalike": (_pass_for_the_leader, CANARY),
    "announcement": (_announce, '"to": "own"'),
    "announcement_round": (_announce, f"{CANARY}家的冷链车晚到"),
    "family_request": (_make_family, '"kind": "invite"'),
    "family": (_make_family, f"{CANARY}一家"),
    "invite_code": (lambda stage: stage.say(CANARY, "邀请海报"), '"code": "'),
    "invitation": (_bring, '"as": "inviter"'),
    "invite_claim": (_press_link, '"group": "二期"'),
    "question": (_ask, f"{CANARY}的快递到了没有"),
    "document_version": (_curate, '"document": "规则"'),
    "dialog_turn": (_wonder, f"{CANARY}能养吗"),
    "feedback": (_thumb, '"verdict": 1'),
    "calendar_plan": (_approve, "样例活动"),
    "wording": (_reword, f"{CANARY}家先来"),
    "calendar_echo": (_answer_a_campaign, '"answers": 1'),
    "proposal": (_correct, f"到{CANARY}家门口的架子上拿"),
}
"""Table → how a person named CANARY gets a row in it, and what the export must show then.

The reason of a gift is shown with its ledger entry.
"""

NOT_PERSONAL = {
    "audit": "acts of pseudonyms, no words; the chain must stay whole",
    "account": "belongs to a household",
    "household": "has no columns about anybody",
    "person": "the pseudonym itself",
}
KEPT = {
    "ledger_lot": "sums must agree; no name is left",
    "gift_request": "that two people agreed, without the reason",
    "ledger_entry": "sums must agree; no name is left",
    "consent": "proof of what was agreed to",
    "member": "the pseudonym that sums point at, without a name",
    "topic_answer": "that somebody answered, without the words",
    "announcement": "that groups were told, without the words",
    "announcement_round": "that groups were told, without the words",
    "invitation": "that a pseudonym brought another; points hang on it",
    "question": "that somebody asked, without the words",
}
DATA = [data for feature in FEATURES for data in feature.personal_data]
OF_DATA = pytest.mark.parametrize("data", DATA, ids=lambda data: data.table)


def test_every_table_that_points_at_a_person_is_declared() -> None:
    declared = {data.table for data in DATA}
    pointing = {
        table.name
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if any(
            key.target_fullname in ("person.id", "member.id", "account.id", "household.id")
            for key in column.foreign_keys
        )
        or column.name in ("actor_id", "person_id", "member_id")
    }
    assert pointing - declared - NOT_PERSONAL.keys() == set()
    assert declared == USES.keys(), "say in USES how the data come into being"


@pytest.fixture
def canary(stage: Stage) -> Stage:
    stage.say(CANARY, "签到")
    return stage


def exported(stage: Stage) -> dict[str, Any]:
    (copy,) = stage.say(CANARY, "导出", private=True)
    assert copy.document is not None
    found: dict[str, Any] = json.loads(copy.document.text)
    return found


def erase(stage: Stage) -> None:
    (sure,) = stage.say(CANARY, "删除我的数据")
    assert keys(stage.say(CANARY, "", button=sure.buttons[0].key)) == ["members.erased"]


@OF_DATA
def test_the_export_shows_what_the_feature_put_there(canary: Stage, data: PersonalData) -> None:
    use, expected = USES[data.table]
    use(canary)
    found = exported(canary)
    if expected:
        assert expected in json.dumps(found.get(data.table), ensure_ascii=False)
    others = [name for name in ("李阿姨",) if name in json.dumps(found, ensure_ascii=False)]
    assert not others, "somebody else's data"


@OF_DATA
def test_the_erasure_removes_it(canary: Stage, data: PersonalData) -> None:
    USES[data.table][0](canary)
    person = canary.person(CANARY)
    table = SQLModel.metadata.tables[data.table]
    assert canary.database.read_now(lambda s: s.execute(select(func.count()).select_from(table)).scalar_one())
    erase(canary)
    left = [rows for rows in contents(canary, without=("outbox",))[data.table] if CANARY in str(rows)]
    assert not left
    rows = canary.database.read_now(lambda s: list(data.export(s, person)))
    assert (rows == []) is (data.table not in KEPT), rows
    assert CANARY not in json.dumps(rows, ensure_ascii=False, default=str)


def test_after_an_erasure_the_name_and_the_words_stand_nowhere(canary: Stage) -> None:
    """Everything is used, then erased; no table holds a word of it, the ledger's sums still agree."""
    from storage import audit, ledger

    for use, _ in USES.values():
        use(canary)
    assert any(CANARY in str(rows) for rows in contents(canary).values())
    erase(canary)
    # In private the address of a chat is the person's; it stands with the message until both are pruned.
    where = {name: rows for name, rows in contents(canary, without=("outbox", "inbox")).items() if CANARY in str(rows)}
    assert not where
    assert not [body for body in canary.database.read_now(lambda s: s.exec(pick(Inbox.body)).all()) if CANARY in body]
    assert canary.database.read_now(ledger.check).wrong_balances == 0
    assert canary.database.read_now(audit.broken_links)[1] is None
    (back,) = canary.say(CANARY, "积分")
    assert back.values["balance"] == 0, "who comes back begins anew"
    assert back.tails[-1:] == ("members.notice_short",)


def test_my_data_counts_what_is_kept(canary: Stage) -> None:
    for use, _ in USES.values():
        use(canary)
    mine = [m for m in canary.say(CANARY, "我的数据", private=True) if m.kind is not Kind.REACTION]
    purposes = {row["purpose"] for row in mine[0].values["rows"]}  # type: ignore[attr-defined]
    assert purposes == {texts().raw(data.purpose) for data in DATA if USES[data.table][1]}
