"""问答: questions answered from the knowledge base with their source, or honestly handed over."""

from __future__ import annotations

from engagement.events import Bonded, PostCleared
from engagement.faq import asking, bonding, corrections, danger, handlers, jobs, offers, service, thumbs, turns
from engagement.feature import Command, Feature, PersonalData, Slow
from engagement.pushes import JobSpec

_ASK = Slow(service.prepare, asking.work, handlers.reply)
_QUOTED = Slow(service.prepare_quoted, asking.work, handlers.quoted)

FEATURE = Feature(
    name="faq",
    commands=(
        Command(
            "faq.ask",
            ("提问", "问", "请问"),
            _ASK,
            slash=("ask",),
            takes="required",
            needs_group=False,
        ),
        Command(
            "faq.hand_over",
            ("问团长", "转人工", "人工"),
            handlers.hand_over,
            slash=("human",),
            takes="required",
            quotes=True,
            help="faq.help_hand_over",
        ),
        Command(
            "faq.waiting",
            ("待回复", "待回答"),
            handlers.waiting,
            slash=("waiting",),
            roles=frozenset({"leader"}),
            consent=False,
            help="faq.help_waiting",
        ),
    ),
    buttons={
        "ask": Slow(service.prepare_candidate, service.work_candidate, handlers.candidate),
        "handover": handlers.none_of_these,
        "up": thumbs.up,
        "down": Slow(thumbs.prepare_down, thumbs.work_down, thumbs.down),
        "tell": handlers.tell_leader,
        "answer": handlers.asked_to_answer,
        "relay": handlers.relay,
    },
    quotes={
        "question": _QUOTED,
        "faq": _ASK,
        "again": handlers.said_again,
        "waiting": handlers.which_waiting,
        "answering": handlers.said_in_answer,
    },
    ends=frozenset({"again"}),
    plain=frozenset({"question", "waiting", "answer", "answering", "relay", "handover", "up", "down"}),
    asks=frozenset({"answering"}),
    fallback=_ASK,
    urgent=(danger.is_urgent, danger.urgent),
    offers=offers.offer,
    events={PostCleared: handlers.on_cleared, Bonded: bonding.on_bonded},
    jobs=(
        # What became of one's question is waited for: it costs nothing of the group's budget.
        JobSpec("question_reminder", jobs.EVENING_MINUTE, jobs.plan_reminder, grace_minutes=180, unasked=False),
        JobSpec("question_morning", jobs.MORNING_MINUTE, jobs.plan_morning, grace_minutes=180, unasked=False),
    ),
    personal_data=(
        PersonalData(
            "question",
            ("text", "answer", "relay"),
            "faq.purpose",
            service.export,
            lambda session, person_id, now: service.erase(session, person_id),
        ),
        PersonalData(
            "dialog_turn",
            ("question", "entry", "at"),
            "faq.purpose_turn",
            turns.export,
            lambda session, person_id, now: turns.erase(session, person_id),
        ),
        PersonalData(
            "feedback",
            ("member_id", "entry", "verdict", "local_date", "reason"),
            "faq.purpose_feedback",
            thumbs.export,
            lambda session, person_id, now: thumbs.erase(session, person_id),
        ),
        PersonalData(
            "proposal",
            ("made_by", "decided_by", "answer"),
            "faq.purpose_proposal",
            corrections.export,
            lambda session, person_id, now: corrections.erase(session, person_id),
        ),
    ),
    help="faq.help",
)
