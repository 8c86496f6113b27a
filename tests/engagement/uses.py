"""How each slice's personal data come into being: a new table with somebody in it needs a line in :data:`USES`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmodel import select as pick

from engagement.campaigns import service as campaigns
from engagement.campaigns.tables import Beat, Plan
from engagement.invites.tables import InviteCode
from engagement.kernel import Event, Outgoing
from engagement.members.tables import Lookalike
from prompts import campaigns as campaign_packs
from storage import entry, mass_sends, send_counts, wordings
from storage.campaigns import Campaign, Delivery
from storage.customer_groups import CustomerGroup
from storage.documents import Chunk, Document, DocumentVersion
from storage.engine import Session
from storage.groups import Group, Member, RoleGrant
from tests.engagement.stage import Stage, keys

CANARY = "金丝雀"


def _bind(stage: Stage) -> None:
    """CANARY is on two channels."""
    (code,) = stage.say(CANARY, "绑定", private=True)
    (asked,) = stage.say(f"{CANARY}二号", f"绑定 {code.values['code']}", channel="wechat")
    stage.say(f"{CANARY}二号", "", button=asked.buttons[0].key, channel="wechat")


def _take_a_code(stage: Stage) -> None:
    stage.say(CANARY, "绑定", private=True)


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
    stage.say(CANARY, f"{CANARY}说不全", button=f"down:{_published_once(stage)}:pickup.hours")


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
        plan = Plan(
            key="样例", name="样例", form="own", campaign_id=campaign.id, first_day=day, last_day=day, written_at=now
        )
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


def _open_a_door(stage: Stage) -> None:
    """CANARY has an account, a browser that is in, and a link that was not used."""
    person, now = stage.person(CANARY), stage.clock.now()

    def make(session: Session) -> None:
        session.merge(entry.Login(person_id=person, name="canary", made_at=now))
        one = entry.WebSession(
            id="0" * 64, area="h5", role="resident", person_id=person, made_at=now, seen_at=now, until=now
        )
        one.browser = "Chrome"
        session.merge(one)
        entry.make_link(session, "h5", person, now)

    stage.database.write_now(make)


def _own_a_customer_group(stage: Stage) -> None:
    """CANARY owns the group on the platform, was asked to confirm, and has been written to."""
    now = stage.clock.now()
    where = {"channel": "play", "account": ""}

    def make(session: Session) -> None:
        session.merge(CustomerGroup(**where, conversation="g1", owner=CANARY, stale=0, looked_at=now))
        day = now.date()
        mass_sends.begin(session, **where, conversation="g1", local_date=day, leader=CANARY, parts=("a",), now=now)
        mass_sends.put_figures(session, **where, owner=CANARY, local_date=day, figures={"msg_total": 12})
        send_counts.take(session, **where, name=CANARY, limits=((30, 60.0),), now=now, count=3)

    stage.database.write_now(make)


USES: dict[str, tuple[Callable[[Stage], Any], str]] = {
    "bond": (_bind, '"channels": ["wechat"]'),  # before CANARY is staff, who cannot
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
    "feedback": (_thumb, f"{CANARY}说不全"),
    "calendar_plan": (_approve, "样例活动"),
    "wording": (_reword, f"{CANARY}家先来"),
    "calendar_echo": (_answer_a_campaign, '"answers": 1'),
    "login": (_open_a_door, '"name": "canary"'),
    "web_session": (_open_a_door, '"browser": "Chrome"'),
    "entry_link": (_open_a_door, '"for": "h5"'),
    "mass_send": (_own_a_customer_group, '"state": "making"'),
    "owner_day": (_own_a_customer_group, '"msg_total": 12'),
    "customer_group": (_own_a_customer_group, '"owns"'),
    "send_count": (_own_a_customer_group, '"sent": 3'),
    "bond_code": (_take_a_code, '"code_until": "2026-12-01'),
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
