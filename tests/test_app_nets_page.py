"""Nets from files, dropped on the page: of piecewise and of other toolkits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import expect
from safetensors.numpy import save as safetensors_bytes

pytest.importorskip("starlette", reason="the app's server is an extra")

import piecewise as pw
from piecewise.app.project_files import OWN
from piecewise.exchange.export_model import files_of
from piecewise.exchange.registry import exporter

from .app_page import AppPage, Program
from .programs import needs_chromium
from .test_app_gather_page import browser, drop, opened

pytestmark = needs_chromium
__all__ = ["browser", "opened"]


def test_net_of_another_toolkit_is_dropped_and_answers(opened: tuple[Program, AppPage]) -> None:
    page = opened[1].page
    net = pw.Network("full", (1, 28, 28), ("X", "O"), 5)
    content = files_of(exporter("onnx"), net.saved_model())["onnx/net.onnx"]
    drop(page, page.locator(".gather-foot"), {"theirs.onnx": content})
    expect(page.locator(".import-bar")).to_contain_text("theirs.onnx answers now")
    page.evaluate("location.hash = '#/look'")
    opened[1].wait_for_net(lambda found: found == net.parameters_sha256)
    drop(page, page.locator(".net"), {"broken.onnx": b"nothing"})
    expect(page.locator(".problem-bar")).to_contain_text("broken.onnx")
    opened[1].complaints.clear()  # Chromium tells of the refusal, too


def test_weights_ask_for_their_layers_and_caffe_comes_in_two_files(
    opened: tuple[Program, AppPage],
) -> None:
    running, app = opened
    page, foot = app.page, app.page.locator(".gather-foot")
    app.wait_for_score()
    values = json.loads((running.folder / OWN / "project.json").read_text())
    size = int(np.prod(values["preprocessor"]["shape"]))
    weights = {"head.weight": np.ones((2, size), np.float32),
               "head.bias": np.zeros(2, np.float32)}  # fmt: skip
    drop(page, foot, {"head.safetensors": safetensors_bytes(weights)})
    bar = page.locator(".import-bar")
    expect(bar).to_contain_text("head.safetensors holds weights alone")
    layers = page.get_by_label("head.safetensors holds weights alone")
    expect(layers).to_have_value("conv 2 3, relu, pool 2, full")
    layers.press("Enter")
    expect(page.locator(".problem-bar")).to_contain_text("head.safetensors")
    layers.fill("full")
    layers.press("Enter")
    expect(bar).to_contain_text("head.safetensors answers now")
    net = pw.Network("full", (1, 28, 28), ("X", "O"), 6)
    files = files_of(exporter("caffe"), net.saved_model())
    both = {path.rpartition("/")[2]: one for path, one in files.items()
            if path.endswith((".caffemodel", ".prototxt"))}  # fmt: skip
    drop(page, foot, both)
    expect(bar).to_contain_text(".caffemodel answers now")
    page.evaluate("location.hash = '#/look'")
    opened[1].wait_for_net(lambda found: found == net.parameters_sha256)
    opened[1].complaints.clear()  # Chromium tells of the refusals, too
