"""Every layer of the reference, compared with hand-computed values and with plain loops."""

from __future__ import annotations

from math import fsum
from random import Random
from typing import Any

import numpy as np
import pytest

from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext
from piecewise.reference import model
from piecewise.reference.batch_context import INFERENCE, BatchContext
from piecewise.reference.fully_connected import votes
from piecewise.reference.losses import LOSSES
from piecewise.spec.architecture import Architecture
from piecewise.spec.layer_base import Shape
from piecewise.spec.notation import parse
from piecewise.trace.walk import walk

from .networks import LOOPS, assert_near, network, numbers_for, random_layers, sample


def parse_array(text: str) -> Array:
    """An array (images, channels, rows, columns) from text: ``;`` separates images, ``|`` channels
    and ``/`` rows."""
    split = [[[r.split() for r in c.split("/")] for c in p.split("|")] for p in text.split(";")]
    return np.array(split, float)


def check(
    layer: str,
    forward: str,
    backward: str,
    arrays: dict[str, Any] | None = None,
    gradients: dict[str, Any] | None = None,
    batch: BatchContext = INFERENCE,
    tolerance: float = 0.0,
) -> None:
    """Asserts the values "x -> y" and "upstream -> dx" of a layer, in both precisions."""
    (record,) = parse(layer)
    pair, expected = model.LAYER_FUNCTIONS[type(record)], gradients or {}
    (x, y), (upstream, dx) = (
        map(parse_array, direction.split("->")) for direction in (forward, backward)
    )
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        own = {name: np.asarray(value, dtype) for name, value in (arrays or {}).items()}
        inputs = x.astype(dtype)
        output, cache = pair.forward(record, inputs, own, batch)
        assert (cache is inputs) == pair.CACHES_INPUT
        input_gradient, parameter_gradients = pair.backward(
            record, upstream.astype(dtype), own, cache
        )
        assert_near(output, y, tolerance, f"{layer}: y")
        assert_near(input_gradient, dx, tolerance, f"{layer}: dx")
        assert parameter_gradients.keys() == expected.keys()
        for name, gradient in parameter_gradients.items():
            assert_near(gradient, expected[name], tolerance, f"{layer}: {name}")
        dtypes = (gradient.dtype for gradient in parameter_gradients.values())
        assert {output.dtype, input_gradient.dtype, *dtypes} == {dtype}


def test_convolution_stride_2_matches_hand_computed() -> None:
    # 1 2|0 1      1 0          1 0      upstream      1 0| 2  0      0 1 = 1 2 + 2 0 1 - 1 3
    # 3 1|1 0     -1 2   + 1 =  0 2        1  2   ->  -1 2|-2  4      3 0   3 1     1 0   2 1
    # ---+---                              0 -1       ----+------
    # 0 2|1 3                                          0 0|-1  0
    # 1 0|2 1                                          0 0| 1 -2
    check(
        "conv 1 2 stride=2",
        "1 2 0 1 / 3 1 1 0 / 0 2 1 3 / 1 0 2 1 -> 1 0 / 0 2",
        "1 2 / 0 -1 -> 1 0 2 0 / -1 2 -2 4 / 0 0 -1 0 / 0 0 1 -2",
        arrays={"weight": parse_array("1 0 / -1 2"), "bias": [1]},
        gradients={"weight": parse_array("0 1 / 3 0"), "bias": [2]},
    )


def test_convolution_padding_matches_hand_computed() -> None:
    # . . . .             1  2 0     upstream
    # . 1 2 .      1 2    5  9 2      1 0  0       3 4        -2 4
    # . 3 4 .      0 1    6 11 4      0 2  0  ->   0 1         6 9
    # . . . .                         0 0 -1
    check(
        "conv 1 2 pad=1 bias=no",
        "1 2 / 3 4 -> 1 2 0 / 5 9 2 / 6 11 4",
        "1 0 0 / 0 2 0 / 0 0 -1 -> 3 4 / 0 1",
        arrays={"weight": parse_array("1 2 / 0 1")},
        gradients={"weight": parse_array("-2 4 / 6 9")},
    )


def test_convolution_rectangular_kernel_sums_over_channels() -> None:
    # 1 2 3   2 0 1       1 -1                6 3     upstream    1  1 -2    2  5  2
    # 0 1 0   1 1 2       2  1 (channel 2)    5 8      1  2   ->  0 -1  1    0 -2 -1
    #                     + 3                          0 -1
    check(
        "conv 1 1x2",
        "1 2 3 / 0 1 0 | 2 0 1 / 1 1 2 -> 6 3 / 5 8",
        "1 2 / 0 -1 -> 1 1 -2 / 0 -1 1 | 2 5 2 / 0 -2 -1",
        arrays={"weight": parse_array("1 -1 | 2 1"), "bias": [3]},
        gradients={"weight": parse_array("4 8 | 1 0"), "bias": [2]},
    )


def test_convolution_pad_same_odd_zero_goes_to_end() -> None:
    # 1 2 3 4 .     1 10     21 32 43 4      upstream 1 0 0 1     dx: 1 10 0 1
    #               0  1      2  3  4 0               0 2 0 0       + 0  0 2 0
    check(
        "conv 2 1x2 pad=same bias=no",
        "1 2 3 4 -> 21 32 43 4 | 2 3 4 0",
        "1 0 0 1 | 0 2 0 0 -> 1 10 2 1",
        arrays={"weight": parse_array("1 10 ; 0 1")},
        gradients={"weight": parse_array("5 2 ; 4 6")},
    )


def test_convolution_mean_gives_fraction_of_matching_pixels() -> None:
    #  1 -1 1       1 -1      4/4 -2/4     upstream 4 8, a quarter of it 1 2:
    # -1  1 1      -1  1                    1  1 -2     -1 1
    #                                      -1 -1  2      1 3
    check(
        "conv 1 2 mean",
        "1 -1 1 / -1 1 1 -> 1 -0.5",
        "4 8 -> 1 1 -2 / -1 -1 2",
        arrays={"weight": parse_array("1 -1 / -1 1")},
        gradients={"weight": parse_array("-1 1 / 1 3")},
    )


def test_max_pool_partial_windows_and_ties_keep_first_largest() -> None:
    # -9 -5|-8                 upstream      0 1|0
    # -5 -9|-3      -5 -3        1 2    ->   0 0|2     all negative: a zero beyond the edge
    # -----+--      -7 -6        3 4         ---+-     would win
    # -7 -7|-6                               3 0|4
    check(
        "pool 2",
        "-9 -5 -8 / -5 -9 -3 / -7 -7 -6 -> -5 -3 / -7 -6",
        "1 2 / 3 4 -> 0 1 0 / 0 0 2 / 3 0 4",
    )


def test_max_pool_overlapping_windows_add_gradients() -> None:
    # 1 3 2   ->   3 3      upstream 1 10   ->   0 11 0
    check("pool 1x2 stride=1 edge=drop", "1 3 2 -> 3 3", "1 10 -> 0 11 0")


def test_average_pool_partial_window_divides_by_its_cells() -> None:
    # 4 8|3                 upstream     1 1|1
    # 0 4|9      4 6          4 2    ->  1 1|1
    # ---+-      3 7          6 5        ---+-
    # 6 0|7                              3 3|5
    check(
        "pool 2 kind=average",
        "4 8 3 / 0 4 9 / 6 0 7 -> 4 6 / 3 7",
        "4 2 / 6 5 -> 1 1 1 / 1 1 1 / 3 3 5",
    )


def test_pool_edge_drop_omits_partial_windows() -> None:
    # 4 8|3
    # 0 4|9      max 8, average 4; the right column and the last row get nothing back
    # ---+-
    # 6 0|7
    x = "4 8 3 / 0 4 9 / 6 0 7"
    check("pool 2 edge=drop", f"{x} -> 8", "5 -> 0 5 0 / 0 0 0 / 0 0 0")
    check("pool 2 kind=average edge=drop", f"{x} -> 4", "8 -> 2 2 0 / 2 2 0 / 0 0 0")


def test_pool_all_gives_one_value_per_map() -> None:
    # 1 5 2      -1 -1 -1     max 5 -1, average 2 -3
    # 4 0 0      -4 -4 -7
    x = "1 5 2 / 4 0 0 | -1 -1 -1 / -4 -4 -7"
    check("pool all", f"{x} -> 5 | -1", "3 | 2 -> 0 3 0 / 0 0 0 | 2 0 0 / 0 0 0")
    check("pool all kind=average", f"{x} -> 2 | -3", "6 | 12 -> 1 1 1 / 1 1 1 | 2 2 2 / 2 2 2")


def test_pool_stride_longer_than_window_skips_cells() -> None:
    # 1 2|3|4 5|6|7|      and with a cell less the third window, of one cell, is gone
    check("pool 1x2 stride=1x3", "1 2 3 4 5 6 7 -> 2 5 7", "1 2 3 -> 0 1 0 0 2 0 3")
    check("pool 1x2 stride=1x3", "1 2 3 4 5 6 -> 2 5", "1 2 -> 0 1 0 0 2 0")


def test_relu_zeroes_negatives_and_their_gradients() -> None:
    check("relu", "-2 0 3 -> 0 0 3", "5 6 7 -> 0 0 7")


def test_full_flattens_by_channel_row_column() -> None:
    # 1 2 | 3 4 and 0 1 | 0 0     1 0 -1 2   + 1     7 1     upstream 2 1     dx 2 -1 -3 4
    #                             0 1  1 0   - 1     4 0             -1 1        1  1  0 2
    weight = [[1, 0, -1, 2], [0, 1, 1, 0]]
    check(
        "full 2",
        "1 2 | 3 4 ; 0 1 | 0 0 -> 7 | 4 ; 1 | 0",
        "2 | -1 ; 1 | 1 -> 2 -1 | -3 4 ; 1 1 | 0 2",
        arrays={"weight": weight, "bias": [1, -1]},
        gradients={"weight": [[2, 5, 6, 8], [-1, -1, -3, -4]], "bias": [3, 0]},
    )
    check(
        "full 1",
        "1 2 / 3 4 | 5 6 / 7 8 -> 12345678",
        "1 -> 1e7 1e6 / 1e5 1e4 | 1e3 100 / 10 1",
        arrays={"weight": [[1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1]], "bias": [0]},
        gradients={"weight": [[1, 2, 3, 4, 5, 6, 7, 8]], "bias": [1]},
    )
    assert votes(np.arange(4), np.array(weight)).tolist() == [[0, 0, -2, 6], [0, 1, 2, 0]]


def test_norm_inference_uses_running_stats() -> None:
    # (1 3 | 5 7 - 1) / 2 = 0 1 | 2 3, then * 2 + 1 (first map); (8 2 | 2 5 - 5) / 3 * -1 (second)
    check(
        "norm",
        "1 3 | 8 2 ; 5 7 | 2 5 -> 1 3 | -1 1 ; 5 7 | 1 0",
        "1 2 | 3 6 ; 3 4 | 0 3 -> 1 2 | -1 -2 ; 3 4 | 0 -1",
        arrays={"weight": [2, -1], "bias": [1, 0], "mean": [1, 5], "variance": [4, 9]},
        gradients={"weight": [20, -3], "bias": [10, 12]},
        tolerance=1e-5,
    )


def test_norm_training_uses_batch_statistics() -> None:
    # 1 1 | 7 7: mean 4, deviation 3: -1 -1 | 1 1, then * 3 + 1.  Upstream * 3 = 12 0 | 0 0 less
    # its mean 3 and less -3 (its mean with the values) times the values: 6 -6 | 0 0, a third of it
    check(
        "norm",
        "1 1 ; 7 7 -> -2 -2 ; 4 4",
        "4 0 ; 0 0 -> 2 -2 ; 0 0",
        arrays={"weight": [3], "bias": [1], "mean": [50], "variance": [60]},
        gradients={"weight": [-4], "bias": [4]},
        batch=BatchContext(training=True),
        tolerance=1e-5,
    )


def test_norm_observed_stats_weight_ghost_batches_by_size() -> None:
    data = numbers_for(Architecture("norm", (2, 1, 1), 2), "norm", 18)
    x = np.zeros((18, 2, 1, 1))  # a group of 16, 8 twos in it, and one of 2
    x[:8, 0], x[16:, 0, 0, 0], x[:, 1] = 2, (5, 9), 3
    context = StepContext(0, 0, np.arange(18))
    observed = model.gradients(
        data.architecture, data.arrays, x, data.labels, context=context
    ).observed
    assert observed["norm1.mean"] == pytest.approx([(16 * 1 + 2 * 7) / 18, 3], rel=1e-15)
    assert observed["norm1.variance"] == pytest.approx([(16 * 1 + 2 * 4) / 18, 0], rel=1e-15)


def test_embedding_looks_up_words_and_sums_gradients() -> None:
    # words 2 1 2 0    0: 1 2      in channels of one row:  5 3 5 0     upstream  1 2 3 7
    #                  1: 3 4      (0 is padding)           6 4 6 0               4 5 6 8
    #                  2: 5 6
    (layer,) = parse("embed 2")
    pair, table = model.LAYER_FUNCTIONS[type(layer)], np.array([[1.0, 2], [3, 4], [5, 6]])
    y, cache = pair.forward(layer, np.array([[2, 1, 2, 0]]), {"weight": table}, INFERENCE)
    assert y.tolist() == [[[[5, 3, 5, 0]], [[6, 4, 6, 0]]]]
    _, gradients = pair.backward(layer, parse_array("1 2 3 7 | 4 5 6 8"), {"weight": table}, cache)
    assert gradients["weight"].tolist() == [[0, 0], [2, 5], [4, 10]]


@pytest.mark.parametrize("loss", LOSSES)
def test_batch_gradients_are_mean_of_single_examples(loss: str) -> None:
    data = numbers_for(Architecture("dropout 0.5, full 5, relu, full", (2, 3, 5), 3), "step", 20)
    context = StepContext(7, 3, np.arange(100, 60, -2))  # two groups, from all over a data set
    net = (data.architecture, data.arrays)
    batch_step = model.gradients(*net, data.x, data.labels, loss, context)
    slices = [slice(n, n + 1) for n in range(20)]
    singles = [
        model.gradients(*net, data.x[n], data.labels[n], loss, context.subset(n)) for n in slices
    ]
    assert batch_step.loss == fsum(step.loss for step in singles) / 20
    for name, gradient in batch_step.arrays.items():
        expected = sum(step.arrays[name] for step in singles) / 20
        assert_near(gradient, expected, 1e-13, f"{loss}: {name}")


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kind", ["conv", "pool"])
def test_layer_random_settings_match_loops(kind: str, seed: int) -> None:
    random, numbers = Random(f"{kind} {seed}"), np.random.default_rng(seed)
    shape = Shape(random.randint(1, 3), random.randint(1, 8), random.randint(1, 8))
    layer = parse(random_layers(random, shape, 2, [kind], max_layers=1))[0]
    x = numbers.integers(-3, 4, (2, *shape)).astype(float)  # with many ties
    arrays = {row.name: numbers.normal(0, 1, row.shape) for row in layer.parameters(shape)}
    pair, description = model.LAYER_FUNCTIONS[type(layer)], f"seed {seed}: {layer} on {shape}"
    y, cache = pair.forward(layer, x, arrays, INFERENCE)
    upstream = numbers.normal(0, 1, y.shape)
    dx, parameter_gradients = pair.backward(layer, upstream, arrays, cache)
    expected_y, expected = LOOPS[kind](layer, x, arrays, upstream)
    assert_near(y, expected_y, 1e-12, f"{description}: y", min_scale=1)
    assert parameter_gradients.keys() | {"x"} == expected.keys(), description
    for name, gradient in {**parameter_gradients, "x": dx}.items():
        assert_near(gradient, expected[name], 1e-12, f"{description}: {name}", min_scale=1)


@pytest.mark.parametrize("seed", range(20))
def test_logits_single_image_matches_batch_bitwise(seed: int) -> None:
    data = sample(seed, count=40)
    net, x = network(data), data.to(np.float32).x
    batch_logits = net.logits(x)
    single_logits = np.concatenate([net.logits(x[n : n + 1]) for n in range(40)])
    assert batch_logits.dtype == np.float32
    assert batch_logits.tobytes() == single_logits.tobytes(), data
    assert net.walk(x[7]).logits.tobytes() == batch_logits[7].tobytes(), data
    reference = model.logits(net.architecture, net.state, x)
    assert walk(net.architecture, net.state, x[7]).logits.tobytes() == reference[7].tobytes(), data


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(40))
def test_activations_keep_shape_and_dtype_and_inputs_unchanged(
    seed: int, precision: type[np.floating[Any]]
) -> None:
    data = sample(seed).to(precision)
    stages, context = data.architecture.stages, StepContext(seed, 1, np.arange(len(data.x)))
    for array in (data.x, data.labels, *data.arrays.values()):
        array.setflags(write=False)
    outputs, caches = model.forward(stages, data.arrays, data.x, context)
    for stage, output in zip(stages, outputs, strict=True):
        assert output.shape == (len(data.x), *stage.output), data
        output.setflags(write=False)
    dx, parameter_gradients = model.backward(stages, data.arrays, outputs[-1], caches)
    step = model.gradients(data.architecture, data.arrays, data.x, data.labels, context=context)
    assert dx.shape == data.x.shape, data
    for gradients in (parameter_gradients, step.arrays):
        shapes = {name: gradient.shape for name, gradient in gradients.items()}
        assert shapes == {row.name: row.shape for row in data.architecture.parameters}, data
    assert step.observed.keys() == {row.name for row in data.architecture.running_stats}, data
    results = [
        *outputs,
        dx,
        *parameter_gradients.values(),
        *step.arrays.values(),
        *step.observed.values(),
    ]
    assert {array.dtype for array in results} == {np.dtype(precision)}, data
