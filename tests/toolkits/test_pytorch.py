"""PyTorch as an independent reference: the same networks give the same logits and gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest

from piecewise import Network
from piecewise.core.array_types import Array
from piecewise.core.ghost_batch import StepContext, ghost_batches
from piecewise.reference import model
from piecewise.reference.losses import LOSSES
from piecewise.reference.optimizers import adamw, sgd
from piecewise.reference.padding import stage_lengths
from piecewise.spec.architecture import Architecture, Stage
from piecewise.spec.layer_base import Layer
from piecewise.spec.layers import Convolution, Dropout, Embed, Full, Norm, Pool, Relu

from ..networks import TEXTS, Sample, assert_near, network, numbers_for, sample

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # small networks: handing out their work takes longer than doing it
F = torch.nn.functional
Tensor = Any


GROUP_SIZE = 16
CLEAR = 1e-4  # so that float32 rounds no value across a kink, here or there


def convolution(layer: Convolution, x: Tensor, own: dict[str, Tensor]) -> Tensor:
    if layer.padding == "same":
        around: list[int] = []
        for axis in (1, 0):  # columns first, as F.pad wants them
            size, side, stride = x.shape[2 + axis], layer.kernel[axis], layer.stride[axis]
            zeros = max(0, (-(-size // stride) - 1) * stride + side - size)
            around += [zeros // 2, zeros - zeros // 2]
        x, padding = F.pad(x, around), (0, 0)
    else:
        assert not isinstance(layer.padding, str)
        padding = layer.padding
    weight = own["weight"]
    if layer.mean:
        weight = weight / prod(weight.shape[1:])
    return F.conv2d(x, weight, own.get("bias"), layer.stride, padding)


def pooling(layer: Pool, x: Tensor) -> Tensor:
    """With ceil_mode a window may hang over the edge, though only one no longer than the map."""
    sides = tuple(x.shape[2:])
    window = sides if isinstance(layer.window, str) else layer.window
    stride, partial = layer.stride or window, layer.edge == "partial"
    if partial:
        window = tuple(min(pair) for pair in zip(window, sides, strict=True))
    if layer.kind == "max":
        return F.max_pool2d(x, window, stride, ceil_mode=partial)
    return F.avg_pool2d(x, window, stride, ceil_mode=partial, count_include_pad=False)


def normalization(x: Tensor, own: dict[str, Tensor], training: bool) -> Tensor:
    running_stats = (None, None) if training else (own["mean"], own["variance"])
    return F.batch_norm(x, *running_stats, own["weight"], own["bias"], training, eps=Norm.epsilon)


def one_layer(layer: Layer, x: Tensor, own: dict[str, Tensor], training: bool) -> Tensor:
    match layer:
        case Convolution():
            return convolution(layer, x, own)
        case Pool():
            return pooling(layer, x)
        case Relu():
            return F.relu(x)
        case Full():
            return F.linear(x.flatten(1), own["weight"], own["bias"])[:, :, None, None]
        case Norm():
            return normalization(x, own, training)
        case Embed():
            vectors = F.embedding(x, own["weight"], padding_idx=0)
            return torch.where(x[..., None] == 0, 0, vectors).transpose(1, 2)[:, :, None]
    assert isinstance(layer, Dropout)
    return x


def logits(
    architecture: Architecture, arrays: Mapping[str, Tensor], x: Tensor, training: bool = False
) -> Tensor:
    """The same function in PyTorch, of arrays by the names of the parameter table."""
    if architecture.reads_texts:
        return torch.cat([text_logits(architecture, arrays, text) for text in x])
    for stage in architecture.stages:
        x = one_layer(stage.layer, x, arrays_of(stage, arrays), training)
    return x.flatten(1)


def arrays_of(stage: Stage, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{stage.name}."
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def text_logits(architecture: Architecture, arrays: Mapping[str, Tensor], tokens: Tensor) -> Tensor:
    """Of one text, at inference: every layer gets the text alone, without padding. What reads
    beyond its end, a convolution or a fully connected layer, sees zeros there."""
    stages = architecture.stages
    ends = stage_lengths(stages, tokens[None].numpy())
    first, *lengths = (int(one[0]) for one in ends if one is not None)
    x = tokens[None, :first]
    for stage, length in zip(stages, lengths, strict=True):
        layer, width = stage.layer, stage.input.width
        if isinstance(layer, Convolution | Full):
            x = F.pad(x, (0, width - x.shape[-1]))
        elif isinstance(layer, Pool) and length == 1:
            layer = replace(layer, edge="partial")  # of a text shorter than the window
        x = one_layer(layer, x, arrays_of(stage, arrays), False)[..., :length]
    return F.pad(x, (0, stages[-1].output.width - x.shape[-1])).flatten(1)


def losses(loss: str, answers: Tensor, right: Tensor) -> Tensor:
    """The loss of each picture."""
    if loss == "cross-entropy":
        return F.cross_entropy(answers, right, reduction="none")
    off = answers - F.one_hot(right, answers.shape[1])
    return (off.square() if loss == "squared" else off.abs()).sum(1)


def judged(
    made: Sample, loss: str, training: bool = False
) -> tuple[Array, float, dict[str, Array]]:
    """Logits, mean loss and gradients by PyTorch; group by group while training."""
    rows = {row.name for row in made.architecture.parameters}
    arrays = {name: torch.tensor(array) for name, array in made.arrays.items()}
    for name in rows:
        arrays[name].requires_grad_()
    x, right = torch.tensor(made.x), torch.tensor(made.labels)
    parts = zip(x.split(GROUP_SIZE), right.split(GROUP_SIZE), strict=True)
    answers = torch.cat([logits(made.architecture, arrays, part, training) for part, _ in parts])
    mean = losses(loss, answers, right).mean()
    names = sorted(rows)
    found = torch.autograd.grad(mean, [arrays[name] for name in names]) if names else ()
    gradients = {name: gradient.numpy() for name, gradient in zip(names, found, strict=True)}
    return answers.detach().numpy(), mean.item(), gradients


def assert_judged(
    found: tuple[Any, float, dict[str, Any]],
    wanted: tuple[Array, float, dict[str, Array]],
    tolerance: float,
    said: str,
) -> None:
    """Logits, loss and gradients are those of the judge, each array to ``tolerance``."""
    for what, mine, judge in zip(("logits", "loss"), found, wanted, strict=False):
        assert_near(mine, judge, tolerance, f"{said}: {what}", min_scale=1)
    assert found[2].keys() == wanted[2].keys(), said
    for name, gradient in wanted[2].items():
        assert_near(found[2][name], gradient, tolerance, f"{said}: {name}", min_scale=1)


@pytest.mark.parametrize("seed", range(200))
def test_random_network_matches_pytorch(seed: int) -> None:
    made = sample(seed, count=4, min_margin=CLEAR)
    single, net = made.to(np.float32), network(made)
    for loss in LOSSES:
        judge, said = judged(single, loss), f"{made}, {loss}, float32"
        mean, gradients = net.gradients(single.x, made.labels, loss)
        assert_judged((net.logits(single.x), mean, gradients), judge, 1e-5, said)
        shares = torch.softmax(torch.tensor(judge[0]), 1)
        assert_near(
            net.probabilities(single.x), shares.numpy(), 1e-5, f"{said}: shares", min_scale=1
        )


@pytest.mark.parametrize("seed", range(200))
def test_random_network_float64_matches_pytorch(seed: int) -> None:
    made = sample(seed, count=4, min_margin=CLEAR)
    given = (made.architecture, made.arrays, made.x)
    for loss in LOSSES:
        found = model.gradients(*given, made.labels, loss)
        mine = (model.logits(*given), found.loss, found.arrays)
        assert_judged(mine, judged(made, loss), 1e-10, f"{made}, {loss}, float64")


def test_parameter_table_matches_pytorch_modules() -> None:
    nn = torch.nn
    modules = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    layers = "conv 16 5, relu, pool 2, conv 32 5, relu, pool 2, full 128, relu, full"
    net = Network(layers, (1, 28, 28), 10)
    theirs = list(modules.parameters())
    assert [array.shape for array in net.parameters.values()] == [tuple(p.shape) for p in theirs]
    count = sum(array.numel() for array in theirs)
    assert net.architecture.parameter_count == net.parameters.flat.size == count == 80_202
    with torch.no_grad():
        for array, own in zip(theirs, net.parameters.values(), strict=True):
            array.copy_(torch.tensor(own))
        x = np.random.default_rng(0).normal(0, 1, (3, 1, 28, 28)).astype(np.float32)
        assert_near(net.logits(x), modules(torch.tensor(x)).numpy(), 1e-5, "LeNet", min_scale=1)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("count", [5, 16, 37])
@pytest.mark.parametrize(
    "notation",
    [
        "norm, conv 4 3 stride=2 bias=no, norm, relu, full 6, norm, relu, full",
        "norm, conv 3 2x4 pad=same, pool 2, norm, full",
    ],
)
def test_norm_training_groups_match_pytorch_batch_norm(
    notation: str, count: int, loss: str
) -> None:
    made = numbers_for(Architecture(notation, (2, 7, 5), 3), notation, count)
    step_context, said = StepContext(0, 0, np.arange(count)), f"{made}, {count} pictures, {loss}"
    found = model.gradients(made.architecture, made.arrays, made.x, made.labels, loss, step_context)
    stages, parts = made.architecture.stages, (made.x[group] for group in ghost_batches(count))
    outputs = [model.forward(stages, made.arrays, part, step_context)[0][-1] for part in parts]
    mine = (np.concatenate(outputs)[:, :, 0, 0], found.loss, found.arrays)
    assert_judged(mine, judged(made, loss, training=True), 1e-10, said)

    seen = []
    for group in torch.tensor(made.x).split(GROUP_SIZE):
        module = torch.nn.BatchNorm2d(2, momentum=1.0, dtype=torch.float64)
        module(group)  # with this momentum the running averages are the group's
        values = group.numel() / 2
        share = len(group) / count
        seen.append(
            (module.running_mean * share, module.running_var * share * (values - 1) / values)
        )
    for index, name in enumerate(("norm1.mean", "norm1.variance")):
        wanted = sum(group[index] for group in seen)
        assert_near(found.observed[name], wanted, 1e-12, f"{said}: {name}", min_scale=1)


def alone(texts: Array) -> list[Array]:
    """Each text without its padding, except what a kernel of three words needs."""
    ends = [np.flatnonzero(text).max(initial=-1) + 1 for text in texts]
    return [text[: max(3, end)] for text, end in zip(texts, ends, strict=True)]


def test_text_network_matches_pytorch_embedding_and_convolution() -> None:
    made = numbers_for(Architecture("embed 8, conv 6 1x3, relu, pool all, full", (1, 30, 12), 4),
                       "texts", 9)  # fmt: skip
    table, kernel, bias, weight, last = (torch.tensor(array) for array in made.arrays.values())
    table[0] = 0
    wanted = torch.cat([
        F.linear(F.relu(F.conv1d(words, kernel[:, :, 0], bias)).amax(2), weight, last)
        for words in (F.embedding(torch.tensor(text), table).T[None] for text in alone(made.x))
    ])  # fmt: skip
    found = model.logits(made.architecture, made.arrays, made.x)
    assert_near(found, wanted.numpy(), 1e-12, made)


@pytest.mark.parametrize(("precision", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("decay", [0, 0.01])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adamw"])
def test_optimizers_twenty_steps_match_pytorch(
    optimizer: str, decay: float, precision: type[np.floating[Any]], tolerance: float
) -> None:
    gradients = np.random.default_rng(0).normal(0, 1, (21, 1000)).astype(precision)
    weights = gradients[20]
    judge = torch.tensor(weights, requires_grad=True)
    velocity = first = second = np.zeros_like(weights)
    if optimizer == "adamw":
        judging = torch.optim.AdamW([judge], lr=0.05, weight_decay=decay)
    else:
        ahead = optimizer == "nesterov"
        judging = torch.optim.SGD(
            [judge], lr=0.05, momentum=0.9, weight_decay=decay, nesterov=ahead
        )
    for step, gradient in enumerate(gradients[:20], 1):
        judge.grad = torch.tensor(gradient)
        judging.step()
        if optimizer == "adamw":
            weights, first, second = adamw(weights, first, second, gradient, 0.05, decay, step)
        else:
            weights, velocity = sgd(weights, velocity, gradient, 0.05, 0.9, decay, ahead)
        assert weights.dtype == precision
        assert_near(weights, judge.detach().numpy(), tolerance, f"{optimizer}, step {step}")


def test_sample_networks_cover_every_layer_kind() -> None:
    words = {
        layer.word
        for seed in range(200)
        for layer in sample(seed, min_margin=CLEAR).architecture.layers
    }
    assert words == set(TEXTS)
