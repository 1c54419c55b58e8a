"""The process of PyTorch: `python -m benchmarks.whole_pytorch DATA SEED '[LAYERS, RECIPE]'`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from piecewise.spec.architecture import Architecture
from piecewise.spec.augmentation import Augmentation
from piecewise.spec.layers import Dropout, Full, Norm

from .pytorch import module
from .whole import rates, same_lesson

Tensor = Any


def model(architecture: Architecture) -> Any:
    """The network as PyTorch's users write it."""
    modules: list[Any] = []
    for stage in architecture.stages:
        layer = stage.layer
        if isinstance(layer, Full) and not any(isinstance(m, torch.nn.Flatten) for m in modules):
            modules.append(torch.nn.Flatten())
        if isinstance(layer, Norm):
            modules.append(torch.nn.BatchNorm2d(stage.input.channels))
        elif isinstance(layer, Dropout):
            modules.append(torch.nn.Dropout(layer.rate))
        else:
            modules.append(module(stage, tuned=True))
    return torch.nn.Sequential(*modules)


def tricked(x: Tensor, tricks: Augmentation) -> Tensor:
    """Shifted, scaled and turned, each picture in its own way."""
    n = len(x)
    even = 2 * torch.rand(4, n) - 1
    low, high = torch.tensor(tricks.scale).log()
    factor = (low + (even[0] + 1) / 2 * (high - low)).exp()
    angle = torch.deg2rad(even[1] * tricks.rotation)
    cosine, sine = angle.cos() / factor, angle.sin() / factor
    down, right = tricks.shift
    x_shift, y_shift = 2 * right * even[2], 2 * down * even[3]
    rows = [cosine, -sine, x_shift, sine, cosine, y_shift]
    theta = torch.stack(rows, dim=1).reshape(n, 2, 3)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x + 1, grid, align_corners=False) - 1


def main(data: str, seed: str, plan: str) -> None:
    torch.manual_seed(int(seed))
    given = same_lesson(data, seed, *json.loads(plan))
    recipe, prepared = given.plan.recipe, given.preprocessor
    net = model(given.network().architecture).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.1, momentum=recipe.momentum, nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )  # fmt: skip
    pictures = torch.from_numpy(given.parts["train"].pictures)
    labels = torch.from_numpy(given.parts["train"].labels)
    levels = torch.from_numpy(prepared.levels)
    every = iter(rates(given))
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(labels)).split(recipe.batch_size):
            optimizer.param_groups[0]["lr"] = float(next(every))
            x = levels[pictures[batch].long()]
            if recipe.tricks.changes:
                x = tricked(x, recipe.tricks)
            x = x.contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(net(x), labels[batch]).backward()
            optimizer.step()
    net.eval()
    tested, right = given.parts["test"]
    with torch.inference_mode():
        parts = torch.from_numpy(tested).split(512)
        answers = torch.cat([net(levels[part.long()]).argmax(1) for part in parts])
    with tempfile.TemporaryDirectory() as folder:
        torch.save(net.state_dict(), Path(folder, "net.pt"))
    print(float((answers.numpy() == right).mean()))


if __name__ == "__main__":
    main(*sys.argv[1:])
