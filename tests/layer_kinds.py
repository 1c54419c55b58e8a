"""Lists what a kind of layer lacks in the package, its documentation and its tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import numpy as np

from piecewise.core.array_types import Array
from piecewise.core.rng import derive_key
from piecewise.engine.codegen import single_image_program, weight_packing
from piecewise.engine.passes import chain
from piecewise.exchange.registry import exporter, exporter_names
from piecewise.page import walk_data
from piecewise.reference import model
from piecewise.reference.batch_context import INFERENCE, BatchContext
from piecewise.spec.layer_base import Connectivity, Layer, Shape
from piecewise.spec.layers import BY_WORD, KINDS
from piecewise.spec.notation import parse
from piecewise.trace import arithmetic, gradient_arithmetic

ROOT = Path(__file__).parents[1]
MODULES = ROOT / "src" / "piecewise" / "page" / "modules"
TESTS = ("test_reference", "test_gradients", "networks", "toolkits/test_pytorch")
CLASS_ATTRIBUTES: dict[str, type] = {
    name: get_args(hint)[0]
    for name, hint in get_type_hints(Layer).items()
    if get_origin(hint) is ClassVar and name not in vars(Layer)
}
"""The class attributes that each kind declares, and their types."""
TABLES: dict[str, dict[type[Layer], Any]] = {
    "LAYER_FUNCTIONS in reference/model.py": model.LAYER_FUNCTIONS,
    "_BY_KIND in trace/arithmetic.py": arithmetic._BY_KIND,
    "_ERRORS in trace/gradient_arithmetic.py": gradient_arithmetic._ERRORS,
    "PASSES in engine/passes/chain.py": chain.PASSES,
    "PAGE_DATA in page/walk_data.py": walk_data.PAGE_DATA,
}
"""The tables that have an entry for every kind."""


def missing(kind: type[Layer]) -> list[str]:
    """One line for each entry that a kind of layer lacks."""
    checks = (_record, _tables, _pair, _facts, _emitters, _view, _texts)
    return [f"{kind.__name__}: {line}" for check in checks for line in check(kind)]


def _record(kind: type[Layer]) -> Iterator[str]:
    for name, expected_type in CLASS_ATTRIBUTES.items():
        if not isinstance(vars(kind).get(name), expected_type):
            yield f"spec/layers.py does not declare {name}, a {expected_type.__name__}"
    if not vars(kind).get("__doc__"):
        yield "spec/layers.py does not describe it in a docstring"
    if kind not in KINDS or BY_WORD.get(_word(kind)) is not kind:
        yield "KINDS in spec/layers.py does not list it"
    connectivity = vars(kind).get("connectivity")
    is_windowed = connectivity is Connectivity.WINDOWED
    if is_windowed and kind.windows is Layer.windows:
        yield "it is windowed, and spec/layers.py does not define its windows"
    if not is_windowed and kind.windows is not Layer.windows:
        yield "it has windows, and spec/layers.py does not declare it windowed"
    if vars(kind).get("fully_connected") and connectivity is not Connectivity.GLOBAL:
        yield "it is fully connected, and spec/layers.py does not declare its connectivity global"


def _tables(kind: type[Layer]) -> Iterator[str]:
    tables = dict(TABLES)
    if kind.parameters is not Layer.parameters:
        tables["_GRADIENTS in trace/gradient_arithmetic.py"] = gradient_arithmetic._GRADIENTS
    if kind.running_stats is not Layer.running_stats:
        tables["OBSERVED in reference/model.py"] = model.OBSERVED
    yield from (f"no entry in {name}" for name, table in tables.items() if kind not in table)
    for name in exporter_names():
        if _word(kind) not in exporter(name).support:
            yield f"the support of the exporter {name} has no entry for it"


def _pair(kind: type[Layer]) -> Iterator[str]:
    pair = model.LAYER_FUNCTIONS.get(kind)
    for name in ("forward", "backward"):
        function = getattr(pair, name, None)
        if not callable(function):
            yield f"its pair does not define {name}"
        elif not function.__doc__:
            yield f"its pair does not describe {name} in a docstring"
    if not isinstance(getattr(pair, "CACHES_INPUT", None), bool):
        yield "its pair does not declare CACHES_INPUT, a bool"


def _facts(kind: type[Layer]) -> Iterator[str]:
    can_parse = BY_WORD.get(_word(kind)) is kind and "example" in vars(kind)
    if not can_parse or not hasattr(model.LAYER_FUNCTIONS.get(kind), "forward"):
        return  # it cannot run yet; the other checks name what it lacks
    for name, observed in observed_facts(kind).items():
        if getattr(kind, name) != observed:
            yield f"spec/layers.py does not declare {name} {observed}, as the layer behaves"


def observed_facts(kind: type[Layer]) -> dict[str, bool]:
    """The class attributes that have a default, as the reference implementation shows them."""
    (layer,) = parse(kind.example)
    forward, rng = model.LAYER_FUNCTIONS[kind].forward, np.random.default_rng(1)
    shape = Shape(2, 6, 7)
    x: Array = rng.normal(size=(1, *shape))
    arrays = arrays_of(layer, shape)
    try:
        forward(layer, x, arrays, INFERENCE)
        reads_tokens = False
    except IndexError:  # fractions are no rows of a table
        reads_tokens, shape = True, Shape(1, 4, 7)
        x, arrays = rng.integers(0, 3, (1, 7)), arrays_of(layer, shape)
    y = forward(layer, x, arrays, INFERENCE)[0]
    weight, bias = (arrays.get(name, np.zeros(0)) for name in ("weight", "bias"))
    in_training = [
        forward(layer, x, arrays, BatchContext(True, derive_key(seed, np.arange(1))))[0]
        for seed in (0, 1)
    ]
    return {
        "fully_connected": weight.shape == (y.size, x.size)
        and np.allclose(y.ravel(), bias + weight @ x.ravel()),
        "reads_tokens": reads_tokens,
        "draws": bool((in_training[0] != in_training[1]).any()),
        "identity_at_inference": np.array_equal(y, x)
        and not any(np.array_equal(one, x) for one in in_training),
    }


def arrays_of(layer: Layer, shape: Shape) -> dict[str, Array]:
    """Random parameters and running statistics of a layer, the same at every call."""
    rng = np.random.default_rng(2)
    tensors = layer.parameters(shape) + layer.running_stats(shape)
    return {tensor.name: rng.uniform(0.5, 1, tensor.shape) for tensor in tensors}


def _emitters(kind: type[Layer]) -> Iterator[str]:
    layer_pass = chain.PASSES.get(kind)
    for name in ("forward", "backward"):
        if layer_pass is None or name not in vars(layer_pass):
            yield f"its pass does not define {name}"
    if vars(kind).get("identity_at_inference"):
        return  # inference skips this layer
    if layer_pass not in single_image_program.WRITERS:
        yield "its pass has no entry in WRITERS in engine/codegen/single_image_program.py"
    if layer_pass not in weight_packing.PACKERS:
        yield "its pass has no entry in PACKERS in engine/codegen/weight_packing.py"


def _view(kind: type[Layer]) -> Iterator[str]:
    word = _word(kind)
    path = MODULES / "views" / f"{word}.js"
    text = path.read_text() if path.is_file() else ""
    for name in ("terms", "show"):
        if f"export function {name}(" not in text:
            yield f"page/modules/views/{word}.js does not export {name}"
    index = (MODULES / "views" / "index.js").read_text()
    if f'from "piecewise/views/{word}.js"' not in index or word not in _names("VIEWS", index):
        yield "VIEWS in page/modules/views/index.js does not list it"
    if word not in _names("LAYER_SUMMARIES", (MODULES / "layers.js").read_text()):
        yield "LAYER_SUMMARIES in page/modules/layers.js does not say what it does"


def _names(table: str, text: str) -> list[str]:
    """The keys of an object literal in a JavaScript module."""
    match = re.search(rf"\b{table} = \{{(.+?)\}};", text, re.DOTALL)
    assert match, f"{table} is no longer there"
    return re.findall(r"(\w+)(?=\s*[,:]|\s*$)", re.sub(r'"[^"]*"', "", match[1]))


def _texts(kind: type[Layer]) -> Iterator[str]:
    word = _word(kind)
    if f"## {word}\n" not in (ROOT / "docs" / "layers.md").read_text():
        yield "docs/layers.md does not describe it; run scripts/write_docs.py"
    for name in TESTS:
        text = (ROOT / "tests" / f"{name}.py").read_text()
        if not re.search(rf"\b{kind.__name__}\b|[\"' ]{re.escape(word)}\b", text):
            yield f"tests/{name}.py does not mention it"


def _word(kind: type[Layer]) -> str:
    return str(vars(kind).get("word", "?"))
