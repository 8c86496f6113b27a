"""Speech to text over real HTTP: words, or a fault within the deadline, whatever the endpoint does."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from knowledge import speech
from knowledge.errors import ModelFault
from knowledge.settings import SpeechSettings
from tests.knowledge.faulty_speech import FaultySpeech, ogg, serving


@pytest.fixture
def server() -> Iterator[FaultySpeech]:
    """The server."""
    with serving() as found:
        yield found


def settings(server: FaultySpeech, **more: object) -> SpeechSettings:
    values = {"base_url": server.url, "api_key": SecretStr("canary-key"), "model": "whisper", "deadline": 30.0}
    return SpeechSettings.model_validate({**values, **more})


async def test_what_is_sent_and_what_comes_back(server: FaultySpeech) -> None:
    server.behaviour = " 明天 \n 几点到货？"
    sound = ogg(3)
    assert await speech.EndpointSpeech(settings(server)).transcribe(sound) == "明天 几点到货？"
    (form,) = server.forms
    assert (form["file"], form["model"], form["language"]) == (sound, "whisper", "zh")
    assert server.keys == ["Bearer canary-key"]
    assert await speech.EndpointSpeech(settings(server, api_key=SecretStr(""))).transcribe(b"ID3") == "明天 几点到货？"
    assert server.keys[1] == ""


BEHAVIOURS = (
    *("500", "429", "401", "302", "204", "hang", "drip", "cut", "html", "garbage", "nested", "list", "number", "bomb"),
    *("no text", "not utf-8", "huge"),
)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_whatever_it_does_there_is_an_end(server: FaultySpeech, behaviour: str) -> None:
    server.behaviour = behaviour
    before = time.monotonic()
    endpoint = speech.EndpointSpeech(settings(server, deadline=1.0 if behaviour in ("hang", "drip") else 30.0))
    with pytest.raises(ModelFault, match="speech"):
        await endpoint.transcribe(ogg(3))
    assert time.monotonic() - before < 15.0
    assert len(server.forms) == 1, "a redirection is not followed, nothing is sent twice"


async def test_nobody_there() -> None:
    lost = SpeechSettings(base_url="http://127.0.0.1:9/v1", model="m", deadline=2.0)
    with pytest.raises(ModelFault):
        await speech.EndpointSpeech(lost).transcribe(b"x")
    with pytest.raises(ModelFault):
        await speech.EndpointSpeech(SpeechSettings(base_url="not an address", model="m")).transcribe(b"x")


async def test_a_dead_endpoint_is_left_alone_for_a_while(server: FaultySpeech) -> None:
    now = [0.0]
    endpoint = speech.EndpointSpeech(settings(server), clock=lambda: now[0])
    server.behaviour = "500"
    for _ in range(speech.FAILURES + 2):
        with pytest.raises(ModelFault):
            await endpoint.transcribe(b"x")
    assert len(server.forms) == speech.FAILURES
    server.behaviour = "好"
    now[0] = speech.PAUSE + 1
    assert await endpoint.transcribe(b"x") == "好"


async def test_long_words_are_cut(server: FaultySpeech) -> None:
    server.behaviour = "很" * 5000
    assert len(await speech.EndpointSpeech(settings(server)).transcribe(b"x")) == 1000


def test_how_long_a_voice_message_lasts() -> None:
    assert speech.seconds_of(ogg(61.5)) == 61.5
    assert speech.seconds_of(b"ID3 mp3") is None
    assert speech.seconds_of(b"OggS\x00") is None
    assert speech.seconds_of(b"") is None


def test_without_an_address_or_a_model_nobody_listens() -> None:
    assert speech.configured(SpeechSettings()) is None
    assert speech.configured(SpeechSettings(base_url="http://x/v1")) is None
    assert speech.configured(SpeechSettings(base_url="http://x/v1", model="m")) is not None
