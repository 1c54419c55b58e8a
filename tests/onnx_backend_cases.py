"""ONNX's own tests of backends, one node each, and the page that says which of them pass.

python -m tests.onnx_backend_cases     # writes docs/onnx-backend.md
"""

from __future__ import annotations

import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests

from piecewise.core.array_types import Array
from piecewise.exchange.onnx_backend import PiecewiseBackend

PAGE = Path(__file__).parents[1] / "docs" / "onnx-backend.md"
OWN = (
    "Conv", "Relu", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Gemm",
    "MatMul", "BatchNormalization", "Dropout", "Softmax", "LogSoftmax", "Flatten", "Identity",
    "Transpose", "Gather", "Sigmoid", "ReduceMean", "ReduceMax",
)  # fmt: skip
"""Operators that are layers of piecewise, or parts of one."""


@cache
def cases() -> dict[str, Any]:
    """All tests of nodes by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers that overflow on purpose
        found = load_model_tests(kind="node")
    return {one.name.removeprefix("test_"): one for one in found}


def operator(case: Any) -> str:
    """The operator of a test."""
    return str(case.model.graph.node[0].op_type) if len(case.model.graph.node) == 1 else ""


def run(case: Any) -> list[tuple[Array, Array]]:
    """What the backend gives, and what is expected."""
    prepared = PiecewiseBackend.prepare(case.model)
    pairs = []
    for inputs, outputs in case.data_sets:
        got = prepared.run([_array(one) for one in inputs])
        pairs += list(zip(got, [_array(one) for one in outputs], strict=True))
    return pairs


def _array(value: Any) -> Array:
    is_tensor = isinstance(value, onnx.TensorProto)
    return np.asarray(onnx.numpy_helper.to_array(value) if is_tensor else value)


@cache
def reasons() -> dict[str, str | None]:
    """Why the backend does not take each test; None for those that it takes."""
    return {name: PiecewiseBackend.reason_against(case.model) for name, case in cases().items()}


def page() -> str:
    """The page about the backend."""
    passed = [name for name, reason in reasons().items() if reason is None]
    by_operator = {one: [name for name in passed if operator(cases()[name]) == one] for one in OWN}
    others = Counter(
        operator(case) or "several nodes"
        for name, case in cases().items()
        if name not in passed and operator(case) not in OWN
    )
    refused = [
        f"| `{name}` | {reason} |"
        for name, reason in sorted(reasons().items())
        if reason is not None and operator(cases()[name]) in OWN
    ]
    return "\n".join(
        [
            "# The ONNX backend",
            "",
            "`piecewise.exchange.onnx_backend` implements `onnx.backend.base` on the engine.",
            "It runs chains of layers. Weights are constants of the graph, or inputs at run time.",
            f"Of the {len(cases()):,} node tests in onnx {onnx.__version__}, it supports "
            f"{len(passed)}, and these pass.",
            "`is_compatible` is false for the others, and `reason_against` says why.",
            "",
            "`python -m tests.onnx_backend_cases` writes this page; a test compares it.",
            "",
            "## Tests that pass",
            "",
            "| operator | tests |",
            "|---|---|",
            *(
                f"| {one} | {', '.join(f'`{name}`' for name in names)} |"
                for one, names in by_operator.items()
                if names
            ),
            "",
            "## Tests of the same operators that are not supported",
            "",
            "| test | reason |",
            "|---|---|",
            *refused,
            "",
            "## Other tests",
            "",
            "These operators are not layers of piecewise, or only parts of one. The numbers of",
            "tests are in brackets.",
            "",
            *wrap(", ".join(f"{name} ({count})" for name, count in sorted(others.items())), 100),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
