"""Exported HTML files in Chromium, for tests: what they prepare and answer."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from piecewise import Network
from piecewise.core.array_types import Array, Float32
from piecewise.exchange.html.exporter import FILE, HtmlExporter
from piecewise.exchange.runner import Outputs, Samples

from .browser import Opened
from .exchange_nets import saved

EXPORTER = HtmlExporter()
_BATCH = 100  # examples that are passed at a time

_ANSWERS = """(items) => items.map(({ kind, data }) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0)).buffer;
  const types = { uint8: Uint8Array, float32: Float32Array, int32: Int32Array };
  const logits = piecewise.logits(new types[kind](bytes));
  return [logits, piecewise.probabilities(logits)];
})"""
_PREPARED = """async (contents) => {
  const results = [];
  for (const content of contents) {
    try {
      const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
      const answer = piecewise.classify(await piecewise.decode(bytes));
      results.push(answer);
    } catch (error) {
      results.push({ problem: error.message });
    }
  }
  const plain = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value);
  return JSON.stringify(results, plain);
}"""
"""Returns text, which Playwright passes on much faster than as many numbers."""


def page_file(net: Network, folder: Path) -> Path:
    """The exported file of a net."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(EXPORTER.files(saved(net))[FILE])
    return path


def open_page(browser: Browser, net: Network, folder: Path, **options: Any) -> Opened:
    """The page of a net, in a browser."""
    return Opened(browser, page_file(net, folder), **options)


def answers_of_page(opened: Opened, samples: Samples) -> Outputs:
    """Logits and probabilities of layer inputs."""
    inputs = samples.inputs if samples.inputs.dtype == np.uint8 else samples.layer_inputs
    if inputs.dtype == np.int64:
        inputs = inputs.astype(np.int32)
    items = [{"kind": one.dtype.name, "data": _text(one.tobytes())} for one in inputs]
    rows = opened.page.evaluate(_ANSWERS, items)
    logits, probabilities = (np.array([row[at] for row in rows], np.float32) for at in (0, 1))
    return Outputs(logits, probabilities)


def results_of_page(opened: Opened, contents: Sequence[bytes]) -> list[dict[str, Any]]:
    """What a page makes of files: inputs, warning, notes, logits and probabilities; or a
    problem."""
    results: list[dict[str, Any]] = []
    for start in range(0, len(contents), _BATCH):
        batch = [_text(one) for one in contents[start : start + _BATCH]]
        results += json.loads(opened.page.evaluate(_PREPARED, batch))
    return results


def assert_same_inputs(
    net: Network, results: Sequence[dict[str, Any]], examples: Sequence[Any]
) -> None:
    """The inputs of a page are those of the preprocessor, and so are its warnings."""
    for number, (result, example) in enumerate(zip(results, examples, strict=True)):
        assert "problem" not in result, f"{number}: {result['problem']}"
        expected = net.preprocessor.windows(example)
        inputs = np.array(result["inputs"]).reshape(expected.shape)
        assert np.array_equal(inputs, expected), f"{number}: {np.abs(inputs - expected).max()}"
        assert result["warning"] == net.preprocessor.warning(example), number


def probability_error(net: Network, results: Sequence[dict[str, Any]], inputs: Array) -> float:
    """The largest difference of the probabilities of a page from those of the net for inputs."""
    found = np.array([result["probabilities"] for result in results])
    expected: Float32 = net.probabilities(inputs)
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max())


def _text(content: bytes) -> str:
    return b64encode(content).decode()
