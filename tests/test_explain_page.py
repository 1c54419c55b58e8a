"""The report as a file: what it holds, how large it may be, and that it is the same each time."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import piecewise as pw
from piecewise.data.text.preprocessor import TextPreprocessor
from piecewise.inputs import layer_inputs
from piecewise.insight import explanation
from piecewise.page import explain, walk_data
from piecewise.page.assemble import MAX_BYTES, modules, page, script_json, style
from piecewise.page.evaluate import evaluate_page
from piecewise.page.explain import explain_html
from piecewise.page.walk_data import pack_arrays
from piecewise.spec.layers import KINDS
from piecewise.trace.walk import Walk
from piecewise.training.defaults import KINDS as CHOICES

ROOM = Path(explain.__file__).parent / "modules"


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    plain: dict[str, Any] = json.loads(found[1])
    return plain


def unpacked(output: dict[str, Any]) -> dict[str, np.ndarray]:
    """What `pack_arrays` packed, by another way than the page's."""
    planes = np.frombuffer(gzip.decompress(b64decode(output["text"])), np.uint8).reshape(4, -1)
    flat = np.ascontiguousarray(planes.T).view("<f4").ravel()
    arrays, start = {}, 0
    for name, shape in output["shapes"].items():
        size = int(np.prod(shape))
        arrays[name] = flat[start : start + size].reshape(shape)
        start += size
    assert start == len(flat)
    return arrays


@pytest.fixture(scope="module")
def drawn() -> tuple[pw.Network, np.ndarray]:
    lessons = pw.make_xo(64, size=9, seed=0)
    net = pw.Network(
        "conv 4 3, norm, relu, pool 2, full 6, relu, full",
        (1, 9, 9),
        ["X", "O"],
        preprocessor=lessons.preprocessor,
    )
    pw.train(net, lessons.inputs, lessons.labels, pw.Recipe(epochs=2))
    return net, lessons.inputs[0]


def test_page_has_walk_bit_for_bit(drawn: tuple[pw.Network, np.ndarray]) -> None:
    net, example = drawn
    output = data_of(explain_html(net, example, name="x.png"))
    arrays = unpacked(output["arrays"])
    walk = net.walk(layer_inputs(net, example[None])[0])
    for name, stack in walk.items():
        assert arrays[f"activation {name}"].tobytes() == stack.tobytes()
    for name, array in net.parameters.items():
        assert arrays[name].tobytes() == array.tobytes()
    assert output["logits"] == {str(at): one for at, one in enumerate(walk.logits.tolist())}
    assert output["arrays"]["bits"] == 24
    votes = [
        float(one)
        for one in (arrays["votes 0"].ravel().astype(float) * walk["pool1"].ravel().astype(float))
    ]
    assert abs(sum(votes) + output["votes"]["biases"]["0"] - output["logits"]["0"]) < 1e-5
    assert [curve["perturbation"] for curve in output["robustness"]] == [
        "right", "down", "scale", "rotation", "stroke_width",
    ]  # fmt: skip
    for one in pw.attributions(net, example):
        assert arrays[f"attribution {one.method}"].tobytes() == one.values.tobytes()
    assert {one["method"].lower() for one in output["attributions"]} >= {"occlusion", "grad-cam"}


def test_page_is_reproducible(drawn: tuple[pw.Network, np.ndarray]) -> None:
    net, example = drawn
    assert explain_html(net, example, name="x") == explain_html(net, example, name="x")
    assert explain_html(net, example, name="x") != explain_html(net, example, name="y")


def test_page_of_default_digit_net_is_complete() -> None:
    lessons = pw.make_xo(16, size=28, seed=0)
    layers = CHOICES["drawings"].layers((1, 28, 28))
    net = pw.Network(layers, (1, 28, 28), 10, 1, lessons.preprocessor)
    html = explain_html(net, lessons.inputs[0])
    assert len(html.encode()) < MAX_BYTES
    output = data_of(html)["arrays"]
    assert output["bits"] == 24
    assert output["left_out"] == []


@pytest.mark.parametrize(
    ("layers", "shape", "classes"),
    [
        (CHOICES["photos"].layers((3, 64, 64)), (3, 64, 64), 4),
        ("conv 4 5 stride=4, relu, pool 4, full", (3, 224, 224), 4),
        ("pool 8, full", (1, 400, 400), 2),
        ("full", (1, 9, 9), 3_000),
    ],
    ids=["photos", "wide", "wider", "many classes"],
)
def test_explain_page_respects_size_limit(
    layers: str, shape: tuple[int, ...], classes: int
) -> None:
    net = pw.Network(layers, shape, classes, 1)
    example = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    html = explain_html(net, example, name="<" * 900)
    assert len(html.encode()) <= MAX_BYTES
    output = data_of(html)["arrays"]
    assert "activation input" in output["shapes"]
    check_rounded(output, net.walk(layer_inputs(net, example[None])[0]))


def test_evaluate_page_respects_size_limit() -> None:
    drawn = np.random.default_rng(0)
    names = tuple(f"class {number} {'&' * 50}" for number in range(150))
    pictures = drawn.integers(0, 256, (1_500, 3, 48, 48), np.uint8)
    labels = drawn.integers(0, 150, 1_500)
    net = pw.Network("pool 8, full", (3, 48, 48), names, 1)
    data = pw.Dataset(
        pictures, labels, names, np.full(1_500, "test"), net.preprocessor,
        names=[f"{'<' * 60} {number}" for number in range(1_500)],
    )  # fmt: skip
    scores, logits = pw.evaluate(net, pictures, labels), net.logits(pictures)
    html = evaluate_page(net, data, np.arange(1_500), logits, scores, name="x")
    assert len(html.encode()) <= MAX_BYTES


def test_pack_arrays_large_net_leaves_activations_out() -> None:
    shape = (3, 120, 120)
    net = pw.Network("2 * (conv 24 3 pad=same, relu), pool 4, full", shape, 4, 1)
    example = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    walk = net.walk(example)
    output = pack_arrays(walk_data.arrays_of(net, walk), 1_600_000)
    assert len(output.text) <= 1_600_000
    assert output.left_out
    check_rounded(output.to_json(), walk)


def check_rounded(output: dict[str, Any], walk: Walk) -> None:
    """What was kept is as near as its bits allow, input and logits among it."""
    arrays, near = unpacked(output), 2.0 ** -output["bits"]
    last = list(walk)[-1]
    for name in ("input", last):
        assert f"activation {name}" in arrays
        np.testing.assert_allclose(arrays[f"activation {name}"], walk[name], rtol=near)


def test_pack_arrays_keeps_most_bits_that_fit() -> None:
    drawn = np.random.default_rng(0).normal(size=(2, 30_000)).astype(np.float32)
    arrays = {"activation input": drawn[0], "weight": drawn[1]}
    before = 25
    for room in (320_000, 230_000, 185_000, 140_000):
        found = pack_arrays(arrays, room)
        assert len(found.text) <= room
        assert found.bits < before
        before = found.bits
        near = 0.0 if found.bits == 24 else 2.0**-found.bits
        np.testing.assert_allclose(unpacked(found.to_json())["weight"], drawn[1], rtol=near)
    assert pack_arrays(arrays, 60_000).left_out == ["weight"]
    many = {**arrays, "attribution occlusion": drawn[0][:100], "huge": drawn.ravel()}
    assert pack_arrays(many, 80_000).left_out == ["huge", "weight"]  # the input stays
    assert pack_arrays(many, 5_000).left_out == ["huge", "weight", "activation input"]
    assert pack_arrays(many, 10).shapes == {}


def test_every_layer_kind_has_a_view() -> None:
    registry = (ROOM / "views" / "index.js").read_text()
    for kind in KINDS:
        assert (ROOM / "views" / f"{kind.word}.js").is_file(), f"{kind.word} has no view"
        assert f'from "piecewise/views/{kind.word}.js"' in registry, f"{kind.word} is not listed"


def test_modules_are_small_and_import_only_each_other() -> None:
    texts = modules()
    for name, text in texts.items():
        assert text.count("\n") <= 250, name
        for imported in re.findall(r'from "([^"]+)"', text):
            assert imported in texts, f"{name} imports {imported}"
        for trap in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "http"):
            if trap == "http" and "www.w3.org/2000/svg" in text:
                continue
            assert trap not in text, f"{name}: {trap}"
    assert "url(" not in style()
    assert "@import" not in style()


def test_script_json_cannot_end_script() -> None:
    for trap in ("</script>", "<!--", "]]>", "&quot;", "\u2028"):
        text = script_json({trap: trap})
        assert not set("<>&") & set(text)
        assert json.loads(text) == {trap: trap}
    html = page("</title><script>", "explain.js", {})
    assert html.count("<script") == 3
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in html


def test_page_policy_forbids_network() -> None:
    html = page("x", "explain.js", {})
    rules = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert rules
    assert rules[1].startswith("default-src &#x27;none&#x27;")
    assert "unsafe" not in rules[1]
    assert "http" not in rules[1]


def test_unused_embedding_rows_are_left_out() -> None:
    net = pw.Network("embed 4, conv 3 1x2, relu, pool all, full", (1, 5_000, 6), 2, seed=1)
    output = data_of(explain_html(net, np.array([3, 4_000, 3, 0, 0, 0])))
    arrays = unpacked(output["arrays"])
    assert arrays["embed1.weight"].shape == (3, 4)
    embed = next(layer for layer in output["layers"] if layer["word"] == "embed")
    assert embed["words"] == [0, 3, 4_000]
    assert arrays["embed1.weight"][2].tolist() == net.parameters["embed1.weight"][4_000].tolist()


def test_evaluate_page_shows_texts_as_written() -> None:
    texts = ("Call 0800 NOW!", "See you")
    preprocessor = TextPreprocessor("words", ("call", "you"), 4)
    inputs = np.array([preprocessor.transform(text) for text in texts])
    net = pw.Network("embed 2, pool all, full", preprocessor.shape, 2, 1, preprocessor)
    data = pw.Dataset(
        inputs, np.array([0, 1]), net.classes, np.full(2, "test"), preprocessor,
        names=["a", "b"], texts=texts,
    )  # fmt: skip
    scores, logits = pw.evaluate(net, inputs, data.labels), net.logits(inputs)
    html = evaluate_page(net, data, np.arange(2), logits, scores, name="x")
    assert set(data_of(html)["texts"].values()) == set(texts)


def test_explanation_is_computed_once(
    drawn: tuple[pw.Network, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, example = drawn
    explained = pw.explain(net, example, name="x.png", label=1)
    assert isinstance(explained, pw.Explanation)
    assert explained.order[0] == explained.answer == int(explained.walk.logits.argmax())
    assert explained.probabilities.tolist() == net.probabilities(example[None])[0].tolist()
    assert explained.ledger.logit == explained.logits[1]
    plain = explained.to_json()
    assert (plain["explained"], plain["input"], plain["warning"]) == ("O", "x.png", None)
    assert explained.attributions is explained.attributions
    monkeypatch.setattr(explanation, "attributions", None)  # nothing is computed a second time
    assert explained.to_json() == plain
    html = explain.explanation_page(explained)
    monkeypatch.undo()
    assert html == explain_html(net, example, name="x.png", label=1)


@pytest.mark.parametrize("label", ["Z", 99, -1])
def test_explain_label_not_a_class_is_refused(label: Any) -> None:
    xo = pw.make_xo(1, 9, seed=0)
    net = pw.Network("conv 2 3, relu, full", (1, 9, 9), ["X", "O"])
    with pytest.raises(pw.LimitError, match=r"label: got .*, wanted a class number from 0 to 1"):
        pw.explain(net, xo.inputs[0], label=label)
