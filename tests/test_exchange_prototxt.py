"""The text format of protocol buffers: all its forms, and texts that are refused."""

from __future__ import annotations

import pytest

from piecewise.exchange.formats.prototxt import MAX_DEPTH, PrototxtError, Word, parse, written

TEXT = """\
# a comment
name: "a \\"net\\"" 'with two parts'  # and another one
input_dim: [1, 2, -3]  input_dim: 0x10;
layer { type: 'Pooling', pool: MAX pooling_param: < scale: .5e1 shift: -2. ok: true > }
layer {}
"""


def test_all_forms_of_fields_are_read() -> None:
    message = parse(TEXT.encode())
    pooling = {"scale": [5.0], "shift": [-2.0], "ok": [True]}
    layer = {"type": ["Pooling"], "pool": ["MAX"], "pooling_param": [pooling]}
    assert message == {
        "name": ['a "net"with two parts'],
        "input_dim": [1, 2, -3, 16],
        "layer": [layer, {}],
    }
    (first, _) = message["layer"]
    assert isinstance(first, dict)
    assert isinstance(first["pool"][0], Word)
    assert not isinstance(first["type"][0], Word)


def test_written_message_is_read_again() -> None:
    message = parse(TEXT.encode())
    message["hard"] = ['quote " \\ new\nline', "ünïcode"]
    assert parse(written(message).encode()) == message


REFUSED = {
    "layer { name: 'a'": "line 1: got 'the end of the text', wanted '}'",
    "\n\nname 'a'": "line 3: got \"'a'\", wanted a colon",
    "name: }": "wanted a value",
    "a: 1e999": "wanted a finite number",
    "a: 12x": "wanted",
    'a: "no end': "wanted a name, a value or a bracket",
    'a: "\\q"': "escapes",
    "}": "wanted the name of a field",
    "a { >": "wanted the name of a field",
    "a: [1, {": "wanted a value",
    "\u00e4: 1": "wanted a name",
    "a { " * (MAX_DEPTH + 2): "messages in each other",
    "a: " + "9" * 400: "wanted",
}


@pytest.mark.parametrize("text", REFUSED)
def test_text_that_is_no_message_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(PrototxtError) as caught:
        parse(text.encode())
    assert REFUSED[text] in str(caught.value)
    assert len(str(caught.value)) < 150


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(PrototxtError, match="UTF-8"):
        parse(b"name: \xff")
