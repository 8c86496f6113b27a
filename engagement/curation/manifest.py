"""知识维护: files, versions, entries and gaps of the knowledge base, in a private chat of staff and leaders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engagement.curation import (
    care,
    changing,
    documents,
    files,
    gaps,
    jobs,
    notices,
    offers,
    privacy,
    publishing,
    rules,
    trying,
    writing,
)
from engagement.curation.access import WHO
from engagement.feature import Command, Feature, Handler, PersonalData, Slow
from engagement.kernel import Kind, Reply
from engagement.pushes import JobSpec


def _numbered(name: str, words: tuple[str, ...], word: str, handler: Handler | Slow) -> Command:
    """Return a command about a document: 「看文档 3」 anywhere in private, and 「看 3」."""
    return Command(
        f"curation.{name}",
        words,
        handler,
        numbered=(word,),
        takes="optional",
        needs_group=False,
        roles=WHO,
        consent=False,
    )


def _entry(name: str, words: tuple[str, ...], handler: Handler | Slow, help_key: str = "") -> Command:
    """Return a command about entries; what follows it may be long."""
    return Command(
        f"curation.{name}",
        words,
        handler,
        long=True,
        quotes=True,
        takes="optional",
        needs_group=False,
        roles=WHO,
        consent=False,
        help=help_key,
    )


def _ending(handler: Handler | Slow) -> Handler | Slow:
    """Let an answer that asks for nothing end what was asked before it: the next words are no answer to that any more."""

    def ended(said: Sequence[Reply]) -> Sequence[Reply]:
        return [one if one.subject or one.kind is not Kind.REPLY else replace(one, subject=_DONE) for one in said]

    if isinstance(handler, Slow):
        finish = handler.finish
        return replace(handler, finish=lambda ctx, found: ended(finish(ctx, found)))
    return lambda ctx: ended(handler(ctx))


_DONE = "kb_done:0"
_PUBLISH = Slow(publishing.prepare_publish, publishing.weigh, publishing.sure_publish)
_GAPS = Slow(gaps.prepare, gaps.work, gaps.finish)
_SAID = Slow(writing.prepare_said, writing.work, writing.finish)
_GAP_ANSWERED = Slow(gaps.prepare_one, gaps.work_one, gaps.answered)

_FEATURE = Feature(
    name="curation",
    commands=(
        Command(
            "curation.list",
            ("知识库", "文档列表", "知识库列表"),
            documents.listed,
            slash=("kb",),
            needs_group=False,
            roles=WHO,
            consent=False,
            help="curation.help_list",
        ),
        Command(
            "curation.gaps",
            ("缺口", "知识缺口"),
            _GAPS,
            slash=("gaps",),
            needs_group=False,
            roles=WHO,
            consent=False,
            help="curation.help_gaps",
        ),
        _entry(
            "new",
            ("新问答", "写问答", "教你一条"),
            Slow(writing.prepare, writing.work, writing.finish),
            "curation.help_new",
        ),
        _entry("answer", ("改答案",), changing.slow(changing.ANSWER)),
        _entry("phrasing", ("加问法",), changing.slow(changing.PHRASING)),
        _entry("split", ("拆分问答", "拆分"), changing.slow(changing.SPLIT)),
        _entry(
            "merge",
            ("合并问答", "合并"),
            Slow(changing.prepare_merge, changing.work_merge, changing.finish_merge),
        ),
        _entry("offers", ("提议", "知识提议"), offers.listed, "curation.help_offers"),
        _entry("try", ("试问",), Slow(trying.prepare, trying.work, trying.finish), "curation.help_try"),
        _numbered("show", ("看文档", "查看文档"), "看", documents.shown),
        _numbered("diff", ("文档差异", "看差异"), "差异", documents.compared),
        _numbered("publish", ("发布文档",), "发布", _PUBLISH),
        _numbered("back", ("回滚文档", "退回文档"), "回滚", publishing.back),
        _numbered("take", ("下架文档",), "下架", publishing.take_down),
        _numbered("restore", ("恢复文档",), "恢复", publishing.restore),
        _numbered("dates", ("文档有效期",), "有效期", care.dates),
        _numbered("owner", ("文档负责人",), "负责人", care.owner),
        _numbered("review", ("复查文档", "文档复查"), "复查", care.review),
    ),
    buttons={
        "kb_list": documents.list_button,
        "kb_show": documents.show_button,
        "kb_diff": documents.compare_button,
        "kb_publish": _PUBLISH,
        "kb_go": publishing.go_button,
        "kb_stay": publishing.stay_button,
        "kb_drop": publishing.drop_button,
        "kb_pass": publishing.pass_button,
        "kb_back": publishing.back_button,
        "kb_take": publishing.take_button,
        "kb_restore": publishing.restore_button,
        "kb_gaps": _GAPS,
        "kb_write": Slow(gaps.prepare_one, gaps.work_one, gaps.ask_answer),
        "kb_same": Slow(gaps.prepare_one, gaps.work_one, gaps.same),
        "kb_never": Slow(gaps.prepare_one, gaps.work_one, gaps.never),
        "kb_ask": writing.ask_more,
        "kb_keep": writing.keep,
        "kb_alias": Slow(writing.prepare_press, writing.work, writing.alias),
        "kb_no": writing.drop,
        "kb_swap": Slow(writing.prepare_press, writing.work, writing.finish),
        "kb_out": writing.take_out,
        "kb_pick": changing.pick_button,
        "kb_merge": changing.merge_button,
        "kb_offers": offers.list_button,
        "kb_accept": offers.accept_button,
        "kb_edit": offers.edit_button,
        "kb_decline": offers.decline_button,
        "kb_dates": care.dates_button,
        "kb_owner": care.owner_button,
        "kb_review": care.review_button,
    },
    quotes={
        "kb_gap": _GAP_ANSWERED,
        "kb_said": _GAP_ANSWERED,
        "kb_new": _SAID,
        "kb_ask": _SAID,
        "kb_entry": changing.said,
        "kb_offer": offers.said,
    },
    asks=frozenset({"kb_said", "kb_new", "kb_ask", "kb_entry", "kb_offer"}),
    passes_on=dict.fromkeys(("kb_said", "kb_new", "kb_ask"), rules.is_talk),
    ends=frozenset({"kb_said", "kb_new", "kb_ask", "kb_entry", "kb_offer"}),
    plain=frozenset(
        {
            *("kb_list", "kb_show", "kb_diff", "kb_publish", "kb_go", "kb_stay", "kb_drop", "kb_pass", "kb_back"),
            *("kb_take", "kb_restore", "kb_gaps", "kb_write", "kb_same", "kb_never", "kb_gap", "kb_said", "kb_swap"),
            *("kb_ask", "kb_keep", "kb_alias", "kb_no", "kb_out", "kb_pick", "kb_merge", "kb_offers", "kb_accept"),
            *("kb_edit", "kb_decline", "kb_dates", "kb_owner", "kb_review", "kb_new", "kb_entry", "kb_offer"),
        }
    ),
    files=Slow(files.prepare, files.work, files.finish, files.begin),
    links=rules.LINK,
    jobs=(JobSpec(jobs.WEEK, jobs.MINUTE, jobs.plan_week, grace_minutes=180, unasked=False), *notices.JOBS),
    personal_data=(
        PersonalData(
            "document_version",
            ("created_by", "created_by_id", "published_by", "published_by_id"),
            "curation.purpose_versions",
            privacy.export_versions,
            privacy.erase_versions,
        ),
    ),
    help="curation.help",
)
FEATURE = replace(
    _FEATURE,
    commands=tuple(replace(one, handler=_ending(one.handler)) for one in _FEATURE.commands),
    buttons={prefix: _ending(one) for prefix, one in _FEATURE.buttons.items()},
    quotes={prefix: _ending(one) for prefix, one in _FEATURE.quotes.items()},
)
