"""What somebody or something offers to the base: staff accept it into a draft, or decline it; nothing answers before.

Source: F62, F64, F68.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlmodel import col, select

from knowledge import editing, entries, ingest
from knowledge.editing import Edited, Wording
from knowledge.errors import KnowledgeRefusal
from knowledge.masking import mask_outgoing
from prompts.loader import PROMPTS
from storage import audit
from storage.documents import Chunk, Phrasing, Question
from storage.groups import Member
from storage.learning import Proposal

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Session

MOST_PHRASINGS = 12
SHORTEST_REPLY = 8
"""Characters of a cleaned reply that may answer somebody else."""
_MENTION = re.compile(r"@\S{1,32}\s*")
_MASKED = re.compile(r"[^，。；,;！!？?\s]*\*{3,}[^，。；,;！!？?\s]*")
_CALLED = re.compile(
    r"^\s*[\u4e00-\u9fff]{0,3}(?:阿姨|叔叔?|姐姐?|哥哥?|大姐|大哥|奶奶|爷爷|先生|女士|老师|妈妈?|亲爱?的?)[，,：:\s!！~～]+"
)
_EDGES = re.compile(r"^[\s，,、：:。.!！~～]+|[\s，,、：:~～]+$")


def propose(
    session: Session,
    questions: Sequence[int],
    answer: str,
    hand: Hand,
    now: datetime,
    *,
    scope: str = "all",
    entry: str = "",
) -> Proposal:
    """One step from a group of gaps to an offered entry: staff's answer, and the questions that were asked.

    Args:
        session: Written to. Done again for the same first question, the proposal that is there is given back.
        questions: Ids of the group's questions, the one whose words are best first.
        answer: As typed; may be empty where ``entry`` is named: then these are other ways to ask for it.
        hand: Who offers it.
        now: Aware instant.
        scope: Whom it is for.
        entry: An existing entry.

    Raises:
        KnowledgeRefusal: no question of these has words, no answer for a new entry, or no such entry or scope.
    """
    ingest.check_scope(scope)
    rows = {one.id: one for one in session.exec(select(Question).where(col(Question.id).in_(list(questions))))}
    asked = distinct(rows[one].text for one in questions if one in rows)
    if not asked:
        raise KnowledgeRefusal("kb_entries.question_unknown")
    if entry:
        entries.find(session, entry) if scope == "all" else entries.places(session, entry)
    body = editing.checked_answer(answer)[0] if answer.strip() or not entry else ""
    return _offer(session, "gap", f"question:{questions[0]}", asked, body, hand.person_id, now, (scope, entry))


def offer_reply(session: Session, question: Question) -> Proposal | None:
    """Offers a leader's answer to a handed-over question as an entry of his group.

    Args:
        session: Written to, in the transaction that took the answer; done again it gives back what is there.
        question: Answered.

    Returns:
        None when the words help nobody else: too short, chatty, or about one order or one day.
    """
    reply = clean_reply(session, question)
    asked = distinct([question.text])
    if question.group_id is None or question.answered_at is None or not reply or not asked:
        return None
    member = session.get(Member, question.answered_by) if question.answered_by is not None else None
    person = member.person_id if member is not None else None
    key, scope = f"question:{question.id}", f"group:{question.group_id}"
    return _offer(session, "reply", key, asked, reply, person, question.answered_at, (scope, ""))


def offer_correction(
    session: Session,
    entry: str,
    question: str,
    answer: str,
    *,
    scope: str,
    person: int | None,
    now: datetime,
) -> Proposal | None:
    """Offers better words for an answer that somebody called wrong; None when they say too little.

    Args:
        session: Written to.
        entry: Id of the entry that answered; empty = none did.
        question: What had been asked.
        answer: How it should be.
        scope: Of who corrects: a leader's ``group:ID``.
        person: Who corrects.
        now: Aware instant.
    """
    body = _EDGES.sub("", _MENTION.sub("", mask_outgoing(answer)))
    asked = distinct([question])
    if len(body) < SHORTEST_REPLY or (not asked and not entry):
        return None
    mark = hashlib.blake2b(f"{scope}|{entry}|{body}".encode(), digest_size=12).hexdigest()
    return _offer(session, "correction", f"correction:{mark}", asked, body, person, now, (scope, entry))


def distinct(texts: Iterable[str]) -> list[str]:
    """Questions as phrasings: cleaned, each question form once, at most ``MOST_PHRASINGS``."""
    found: dict[str, str] = {}
    for text in texts:
        plain = mask_outgoing(" ".join(_MENTION.sub("", text).split()))[: editing.PHRASING_MOST].strip()
        mark = editing.form(plain)
        if len(mark) >= 2 and len(found) < MOST_PHRASINGS:
            found.setdefault(mark, plain)
    return list(found.values())


@lru_cache(maxsize=1)
def _chatter() -> tuple[re.Pattern[str], re.Pattern[str]]:
    lines = (PROMPTS / "knowledge" / "chatty.txt").read_text(encoding="utf-8").splitlines()
    words = [line for line in lines if line.strip() and not line.startswith("#")]
    weak = "|".join(line[2:] for line in words if line.startswith("! "))
    strong = "|".join(line for line in words if not line.startswith("! "))
    return re.compile(weak, re.IGNORECASE), re.compile(strong, re.IGNORECASE)


def clean_reply(session: Session, question: Question) -> str:
    """A leader's reply without names, telephone and door numbers; empty when it would help nobody else."""
    text = _MENTION.sub("", " ".join(question.answer.split()))
    for member in (question.member_id, question.answered_by):
        row = session.get(Member, member) if member is not None else None
        if row is not None and len(row.name) >= 2:
            text = text.replace(row.name, "")
    text = _EDGES.sub("", _CALLED.sub("", _MASKED.sub("", mask_outgoing(text))))
    weak, strong = _chatter()
    if strong.search(text) or len(editing.form(weak.sub("", text))) < SHORTEST_REPLY - 2 or len(text) < SHORTEST_REPLY:
        return ""
    return text[: editing.ANSWER_MOST].replace("{", "（").replace("}", "）")


def _offer(
    session: Session,
    origin: str,
    key: str,
    asked: list[str],
    answer: str,
    person: int | None,
    now: datetime,
    target: tuple[str, str],
) -> Proposal:
    found = session.exec(select(Proposal).where(Proposal.key == key)).first()
    if found is None:
        scope, entry = target
        found = Proposal(origin=origin, key=key, scope=scope, entry=entry, phrasings=asked, answer=answer, made_at=now)
        found.made_by = person
        session.add(found)
        session.flush()
    return found


def listed(session: Session, *, state: str = "open", scopes: Sequence[str] | None = None) -> list[Proposal]:
    """Proposals of a state, oldest first; of some scopes only, where they are named."""
    wanted = select(Proposal).where(Proposal.state == state).order_by(col(Proposal.id)).limit(200)
    return list(session.exec(wanted if scopes is None else wanted.where(col(Proposal.scope).in_(scopes))))


def accept(
    session: Session, identity: int, hand: Hand, now: datetime, *, answer: str = "", scope: str = "", entry: str = ""
) -> Edited:
    """Takes a proposal: a new entry or another answer goes into a draft; other ways to ask are learned at once.

    Args:
        session: Written to.
        identity: The proposal.
        hand: Who accepts it.
        now: Aware instant.
        answer: Better words than the offered ones.
        scope: Another one than offered: staff may take a group's for all.
        entry: The existing entry that it is about after all.

    Raises:
        KnowledgeRefusal: no such proposal, decided already, nothing to answer with, or no such entry.
    """
    found = _open(session, identity)
    asked, body = list(found.phrasings or []), answer.strip() or found.answer
    where, name = ingest.check_scope(scope or found.scope), entry or found.entry
    if name and not body:
        done = learn(session, name, asked, hand, now)
    elif name and (places := entries.places(session, name)):
        done = _answered_anew(session, places, Wording(asked, body, entry=name), where, hand, now)
    else:
        new = Wording(asked, body, entry=name)
        done = entries.create(session, new, hand, now, scope=where)
    _decide(session, found, "accepted", hand, now)
    return done


def _answered_anew(
    session: Session, places: Sequence[entries.Place], wording: Wording, scope: str, hand: Hand, now: datetime
) -> Edited:
    """Another answer where the entry stands; in a nearer scope an entry of the same id that goes before it."""
    here = next((one for one in places if one.document.scope == scope), None)
    if here is not None:
        document, name = here.document.id, here.chunk.entry
        done = entries.set_answer(session, name, wording.answer, hand, now, document=document)
        if wording.asked:
            done = entries.add_phrasings(session, name, wording.asked, hand, now, document=document)
        return done
    general = [one.text for one in editing.phrasings(session, places[0].chunk.id)]
    asked = [*general, *wording.asked]
    return entries.create(session, Wording(asked, wording.answer, entry=places[0].chunk.entry), hand, now, scope=scope)


def learn(session: Session, entry: str, asked: Sequence[str], hand: Hand, now: datetime) -> Edited:
    """Adds ways to ask to the published entry at once, and to every draft of it, so that a publish does not lose them.

    Raises:
        KnowledgeRefusal: no such entry, or a text that says nothing.
    """
    place = entries.find(session, entry)
    words = [editing.cleaned(one) for one in asked]
    changed = False
    for chunk in entries.standing(session, place.document.id or 0, place.chunk.entry):
        known = {editing.form(one.text) for one in editing.phrasings(session, chunk.id)}
        for text in words:
            if editing.form(text) not in known:
                known.add(editing.form(text))
                session.add(Phrasing(chunk_id=chunk.id or 0, kind="learned", text=text))
                changed = True
    session.flush()
    if changed:
        editing.learned(session, hand, now, place.version)
    return editing.told(session, place.version, session.get_one(Chunk, place.chunk.id), changed=changed)


def decline(session: Session, identity: int, hand: Hand, now: datetime) -> None:
    """Lays a proposal aside; what it was made of is not offered again.

    Raises:
        KnowledgeRefusal: no such proposal, or decided already.
    """
    _decide(session, _open(session, identity), "declined", hand, now)


def dismiss(session: Session, questions: Sequence[int], hand: Hand, now: datetime, *, scope: str = "all") -> Proposal:
    """Says of a group of gaps that it needs no entry; those who asked still get their leader's answer.

    Raises:
        KnowledgeRefusal: no question of these has words.
    """
    rows = session.exec(select(Question).where(col(Question.id).in_(list(questions))).order_by(col(Question.id)))
    asked = distinct(one.text for one in rows)
    if not asked:
        raise KnowledgeRefusal("kb_entries.question_unknown")
    found = _offer(session, "gap", f"question:{questions[0]}", asked, "", hand.person_id, now, (scope, ""))
    if found.state == "open":
        _decide(session, found, "declined", hand, now)
    return found


def take_back(session: Session, identity: int, hand: Hand, now: datetime) -> None:
    """Takes back what was decided of a gap, so that it stands open again; what has been published since stays.

    Raises:
        KnowledgeRefusal: no such proposal of a gap, not decided yet, or its entry is published by now
            (``kb_entries.published_since``).
    """
    found = session.get(Proposal, identity)
    if found is None or found.origin != "gap" or found.state == "open":
        raise KnowledgeRefusal("kb_entries.proposal_unknown", id=identity)
    if found.state == "accepted" and found.entry and not found.answer:
        _unlearn(session, found, hand, now)
    elif found.state == "accepted":
        name = found.entry or editing.new_id(editing.cleaned((found.phrasings or [""])[0]))
        known = entries.places(session, name)
        place = next((one for one in known if one.document.scope == found.scope), None)
        if place is not None and place.version.state != "draft":
            raise KnowledgeRefusal("kb_entries.published_since", id=name)
        if place is not None:
            entries.drop(session, name, hand, now, document=place.document.id)
    session.delete(found)
    session.flush()
    audit.record(
        session, at=now, actor_id=hand.person_id, group_id=None, action="proposal.taken_back", proposal=identity
    )


def _unlearn(session: Session, found: Proposal, hand: Hand, now: datetime) -> None:
    """Takes the phrasings out again that ``learn`` put in by this proposal."""
    place = entries.find(session, found.entry)
    forms = {editing.form(one) for one in found.phrasings or ()}
    for chunk in entries.standing(session, place.document.id or 0, place.chunk.entry):
        for row in editing.phrasings(session, chunk.id):
            if row.kind == "learned" and editing.form(row.text) in forms:
                session.delete(row)
    session.flush()
    editing.learned(session, hand, now, place.version)


def _open(session: Session, identity: int) -> Proposal:
    found = session.get(Proposal, identity)
    if found is None:
        raise KnowledgeRefusal("kb_entries.proposal_unknown", id=identity)
    if found.state != "open":
        raise KnowledgeRefusal("kb_entries.proposal_decided", id=identity)
    return found


def _decide(session: Session, found: Proposal, state: str, hand: Hand, now: datetime) -> None:
    found.state, found.decided_at, found.decided_by = state, now, hand.person_id
    session.add(found)
    session.flush()
    audit.record(
        session, at=now, actor_id=hand.person_id, group_id=None, action=f"proposal.{state}", proposal=found.id or 0
    )
