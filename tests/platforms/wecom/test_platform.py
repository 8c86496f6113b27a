"""That the fake says no where the real one does: what leans on it would prove nothing otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.platforms.wecom import FakeWecom

NOW = datetime(2026, 9, 1, 1, tzinfo=UTC)


async def call(wecom: FakeWecom, path: str, body: dict[str, Any], **query: str) -> dict[str, Any]:
    async with wecom.client() as client:
        answer: dict[str, Any] = (await client.post(f"/cgi-bin/{path}", json=body, params=query)).json()
    return answer


@pytest.fixture
async def token() -> tuple[FakeWecom, str]:
    wecom = FakeWecom(NOW)
    wecom.add_group("wr1", "leader", "wm-li")
    answer = await call(wecom, "gettoken", {}, corpid=wecom.corp_id, corpsecret=wecom.secret)
    return wecom, str(answer["access_token"])


async def test_no_token_no_call(token: tuple[FakeWecom, str]) -> None:
    wecom, words = token
    body = {"touser": "leader", "agentid": 7, "msgtype": "text", "text": {"content": "x"}}
    assert (await call(wecom, "message/send", body))["errcode"] == 42001
    assert (await call(wecom, "message/send", body, access_token=words))["errcode"] == 0
    wecom.now += timedelta(hours=2)
    assert (await call(wecom, "message/send", body, access_token=words))["errcode"] == 42001
    assert (await call(wecom, "gettoken", {}, corpid=wecom.corp_id, corpsecret="x"))["errcode"] == 40001


async def test_nothing_arrives_before_the_leader_taps(token: tuple[FakeWecom, str]) -> None:
    wecom, words = token
    body = {"chat_type": "group", "sender": "leader", "chat_id_list": ["wr1", "wr-none"], "text": {"content": "早"}}
    made = await call(wecom, "externalcontact/add_msg_template", body, access_token=words)
    assert (made["errcode"], made["fail_list"], wecom.log) == (0, ["wr-none"], [])
    task = {"msgid": made["msgid"]}
    reminded = [
        (await call(wecom, "externalcontact/remind_groupmsg_send", task, access_token=words))["errcode"]
        for _ in range(4)
    ]
    assert reminded == [0, 0, 0, 45009]
    wecom.confirm(made["msgid"])
    wecom.confirm(made["msgid"])
    assert [one.content for one in wecom.log] == ["早"]
    assert (await call(wecom, "externalcontact/cancel_groupmsg_send", task, access_token=words))["errcode"] == 41095


async def test_a_group_of_somebody_else(token: tuple[FakeWecom, str]) -> None:
    wecom, words = token
    body = {"chat_type": "group", "sender": "staff", "chat_id_list": ["wr1"], "text": {"content": "早"}}
    assert (await call(wecom, "externalcontact/add_msg_template", body, access_token=words))["errcode"] == 41048


async def test_a_picture_with_another_sum() -> None:
    wecom = FakeWecom(NOW, robots={"k"})
    body = {"msgtype": "image", "image": {"base64": "eA==", "md5": "0" * 32}}
    assert (await call(wecom, "webhook/send", body, key="k"))["errcode"] == 301019
    long = {"msgtype": "text", "text": {"content": "甲" * 683}}
    assert (await call(wecom, "webhook/send", long, key="k"))["errcode"] == 45002


async def test_tasks_are_listed_by_their_time(token: tuple[FakeWecom, str]) -> None:
    wecom, words = token
    body = {"chat_type": "group", "sender": "leader", "chat_id_list": ["wr1"], "text": {"content": "早"}}
    for _ in range(3):
        await call(wecom, "externalcontact/add_msg_template", body, access_token=words)
    wecom.now += timedelta(minutes=30)
    about = int(NOW.timestamp())
    asked = {"chat_type": "group", "start_time": about - 60, "end_time": about + 60, "filter_type": 0, "limit": 2}
    first = await call(wecom, "externalcontact/get_groupmsg_list_v2", asked, access_token=words)
    rest = {**asked, "cursor": first["next_cursor"]}
    second = await call(wecom, "externalcontact/get_groupmsg_list_v2", rest, access_token=words)
    assert [len(one["group_msg_list"]) for one in (first, second)] == [2, 1]
    assert second["next_cursor"] == ""
    later = asked | {"start_time": about + 600, "end_time": about + 900}
    assert (await call(wecom, "externalcontact/get_groupmsg_list_v2", later, access_token=words))[
        "group_msg_list"
    ] == []
    too_many = asked | {"limit": 101}
    assert (await call(wecom, "externalcontact/get_groupmsg_list_v2", too_many, access_token=words))["errcode"] == 40058


async def test_another_app_is_not_ours(token: tuple[FakeWecom, str]) -> None:
    wecom, words = token
    assert (await call(wecom, "agent/get", {"agentid": "7"}, access_token=words))["errcode"] == 0
    assert (await call(wecom, "agent/get", {"agentid": "8"}, access_token=words))["errcode"] == 301002
