"""知识维护: files, versions, entries and gaps of the knowledge base, in a private chat of staff and leaders."""

from __future__ import annotations

from engagement.curation import documents, files, gaps, privacy
from engagement.curation.access import WHO
from engagement.feature import Command, Feature, Handler, PersonalData, Slow


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


_PUBLISH = Slow(documents.prepare_publish, documents.weigh, documents.sure_publish)
_GAPS = Slow(gaps.prepare, gaps.work, gaps.finish)
_GAP_ANSWERED = Slow(gaps.prepare_one, gaps.work_one, gaps.answered)

FEATURE = Feature(
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
        _numbered("show", ("看文档", "查看文档"), "看", documents.shown),
        _numbered("diff", ("文档差异", "看差异"), "差异", documents.compared),
        _numbered("publish", ("发布文档",), "发布", _PUBLISH),
        _numbered("back", ("回滚文档", "退回文档"), "回滚", documents.back),
        _numbered("take", ("下架文档",), "下架", documents.take_down),
        _numbered("restore", ("恢复文档",), "恢复", documents.restore),
    ),
    buttons={
        "kb_list": documents.list_button,
        "kb_show": documents.show_button,
        "kb_diff": documents.compare_button,
        "kb_publish": _PUBLISH,
        "kb_go": documents.go_button,
        "kb_stay": documents.stay_button,
        "kb_drop": documents.drop_button,
        "kb_pass": documents.pass_button,
        "kb_back": documents.back_button,
        "kb_take": documents.take_button,
        "kb_restore": documents.restore_button,
        "kb_gaps": _GAPS,
        "kb_write": Slow(gaps.prepare_one, gaps.work_one, gaps.ask_answer),
        "kb_same": Slow(gaps.prepare_one, gaps.work_one, gaps.same),
        "kb_never": Slow(gaps.prepare_one, gaps.work_one, gaps.never),
    },
    quotes={"kb_gap": _GAP_ANSWERED},
    asks=frozenset({"kb_gap"}),
    plain=frozenset(
        {
            *("kb_list", "kb_show", "kb_diff", "kb_publish", "kb_go", "kb_stay", "kb_drop", "kb_pass", "kb_back"),
            *("kb_take", "kb_restore", "kb_gaps", "kb_write", "kb_same", "kb_never", "kb_gap"),
        }
    ),
    files=Slow(files.prepare, files.work, files.finish, files.begin),
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
