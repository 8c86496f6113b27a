"""The address of a web page that staff send: taken in where the operator lets it, one plain sentence where not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge import links, web
from knowledge.errors import KnowledgeRefusal
from knowledge.settings import DocumentSettings
from tests.engagement.curation.office import SUN, WANG, Office, closed, open_office
from tests.engagement.stage import keys, placeholders_match, shown

URL = "https://sample.example/rules/winter"
PAGE = "<html><head>{head}</head><body><p>雨雪天提货延到第二天上午。</p></body></html>"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    office = open_office(tmp_path)
    answering = office.stage.gateway.dispatcher.answering
    assert answering is not None
    answering.options = DocumentSettings(urls=True)
    monkeypatch.setattr(web, "fetch", fetch)
    yield office
    closed(office)


def fetch(url: str, _settings: DocumentSettings) -> web.Fetched:
    """Answer as the page's server would."""
    head = "" if url.endswith("untitled") else "<title>冬季规则</title>"
    place = url.removeprefix("https://")
    name = f"{place.partition('/')[0]} {place.rpartition('/')[2]}"
    return web.Fetched(PAGE.format(head=head).encode(), ".html", name, url)


def test_an_address_becomes_a_draft_and_an_answer(office: Office) -> None:
    """
    王运营（私聊）: https://sample.example/rules/winter → 收到……正在看 → 《冬季规则》看完了 [看差异] [不要了]
    孙运营（私聊）: 发布 1 [发布]
    """
    (told,) = office.stage.say(WANG, URL, private=True)
    assert told.key == "curation.file_draft" and placeholders_match(told), shown(told)
    assert "冬季规则" in shown(told)
    office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    assert "正在用" in shown(office.say(WANG, "看 1"))
    (again,) = office.stage.say(WANG, f"{URL}#top", private=True)
    assert again.key == "curation.file_same", "the same page is the same document"


def test_whom_it_is_for_stands_behind_it(office: Office) -> None:
    (told,) = office.stage.say(WANG, f"{URL} 给团长", private=True)
    assert "团长" in shown(told)


def test_a_page_without_a_title_is_called_by_its_place(office: Office) -> None:
    (told,) = office.stage.say(WANG, "https://sample.example/untitled", private=True)
    assert "sample.example untitled" in shown(told)


def test_where_it_is_off_one_sentence_says_what_to_do(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = office.stage.gateway.dispatcher.answering
    assert answering is not None

    def never(*_: object) -> web.Fetched:
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(web, "fetch", never)
    for options in (None, DocumentSettings()):
        answering.options = options
        assert keys(office.stage.say(WANG, URL, private=True)) == ["curation.no_url_off"]


def test_the_guard_stands_before_every_address(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    (told,) = office.stage.say(WANG, "http://127.0.0.1/admin", private=True)
    assert told.key == "kb.url_private", shown(told)
    (told,) = office.stage.say(WANG, "http://169.254.169.254/latest/meta-data", private=True)
    assert told.key == "kb.url_private", shown(told)


@pytest.mark.parametrize("text", [URL, f"{URL} 这个能信吗"])
def test_a_resident_s_address_is_no_document(office: Office, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> web.Fetched:
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(web, "fetch", never)
    assert all(key.startswith("faq.") for key in keys(office.stage.say("李阿姨", text, private=True)))
    assert "curation.file_draft" not in keys(office.stage.say(WANG, f"{URL} 这个能信吗", private=True))


def test_an_address_as_a_leader_s_answer_is_the_answer(office: Office) -> None:
    """A leader who is asked for words and sends an address answers with it."""
    office.stage.say("李阿姨", "问团长 在哪里报名")
    told = next(one for one in office.stage.said if one.key == "faq.to_leader")
    said = office.stage.say("周团长", URL, private=True, quoting=told)
    assert "faq.relayed" in keys(said)


def test_links_are_links_alone() -> None:
    assert links.is_link(URL) and links.is_link("HTTP://sample.example")
    assert not links.is_link("规则.docx") and not links.is_link(f"{URL} {URL}") and not links.is_link("/srv/http://x")
    with pytest.raises(KnowledgeRefusal, match="url_off"):
        links.allowed(DocumentSettings(), URL)
