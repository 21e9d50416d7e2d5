"""Remote images in a Chat body: found wherever an engine would look, replaced, and nothing else touched."""

import json
from typing import Any

import pytest

from hybridgw.errors import RequestError
from hybridgw.providers.inline_images import RemoteImages

URL = "https://a.example/x.png"
DATA = "data:image/png;base64,AAAA"


def body(*parts: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": list(parts)}]}).encode()


def test_only_the_urls_change() -> None:
    sent = (
        b'{ "temperature": 0.10, "seed":12345678901234567890, '
        b'"messages" : [{"role":"system","content": "a  b"},'
        b'{"role":"user","content":[{"type":"text","text":"\\u00e9 https://a.example/x.png"},'
        b'{"type":"image_url","image_url":{"url":"https:\\/\\/a.example\\/x.png","detail":"high","x":1.0}},'
        b'{"type":"image_url","image_url":{"url":"data:image/png;base64,BB"}}]}],"tools":[{"n": 1E5}]}'
    )
    images = RemoteImages(sent)
    assert images.wanted == [(URL, "messages[1].content[1]")]
    said = images.body({URL: DATA})
    expected = json.loads(sent)
    expected["messages"][1]["content"][1]["image_url"]["url"] = DATA
    assert json.loads(said) == expected
    for kept in (
        b'"temperature":0.10', b"12345678901234567890", b'{"role":"system","content": "a  b"}',
        b'"\\u00e9 https://a.example/x.png"', b'"detail":"high","x":1.0', b'[{"n": 1E5}]',
    ):  # fmt: skip
        assert kept in said


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": URL}},
        {"type": "image_url", "image_url": URL},
        {"type": "input_image", "image_url": URL},
        {"image_url": {"url": URL}},
        {"type": "image", "image": URL},
        {"type": "image", "url": URL},
        {"type": "text", "text": "x", "image_url": URL},
    ],
)
def test_every_form_that_an_engine_reads(part: Any) -> None:
    images = RemoteImages(body({"type": "text", "text": "hi"}, part))
    assert images.wanted == [(URL, "messages[0].content[1]")]
    said = json.loads(images.body({URL: DATA}))["messages"][0]["content"][1]
    assert said == json.loads(json.dumps(part).replace(URL, DATA))


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"type": "video_url", "video_url": {"url": URL}}, "unsupported_content"),
        ({"type": "audio_url", "audio_url": URL}, "unsupported_content"),
        ({"file_url": "HTTP://a.example/x.pdf"}, "unsupported_content"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "invalid_value"),
        ({"type": "image_url", "image_url": "/etc/passwd"}, "invalid_value"),
        ({"type": "image_url", "image_url": "//a.example/x.png"}, "invalid_value"),
        ({"type": "image", "image": "file:///etc/passwd"}, "invalid_value"),
    ],
)
def test_what_nobody_fetches_is_refused(part: Any, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        RemoteImages(body("text", part))
    assert (caught.value.code, caught.value.field) == (code, "messages[0].content[1]")


@pytest.mark.parametrize(
    "sent",
    [
        b"{}",
        b'{"messages":null}',
        b'{"messages":[null,7,"x",{"role":"user"},{"content":"x"},{"content":[1,null,"x",[],{}]}]}',
        b'{"messages":[{"content":[{"type":"image_url","image_url":null},{"image_url":{"url":7}}]}]}',
        b'{"messages":[{"content":[{"type":"image","image":"iVBORw0KGgo="}]}]}',
        b'{"messages":[{"content":[{"type":"image_url","image_url":{"url":"DATA:image/png;base64,AA"}}]}]}',
    ],
)
def test_bodies_without_any_stay_what_they_are(sent: bytes) -> None:
    images = RemoteImages(sent)
    assert images.wanted == []
    assert images.body({}) == sent


def test_of_two_members_of_one_name_only_the_one_that_was_judged_goes_on() -> None:
    sent = (
        b'{"messages":[{"content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1/"},'
        b'"image_url":{"url":"http://127.0.0.1/","url":"data:,x"}}]}]}'
    )
    images = RemoteImages(sent)
    assert images.wanted == []
    assert b"127" not in images.body({})
