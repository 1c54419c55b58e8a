"""A complete training in PyTorch: the process that `benchmarks.training_time` compares with.

python -m benchmarks.training_time_pytorch DATA SEED '[LAYERS, RECIPE]'
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from piecewise.spec.architecture import Architecture
from piecewise.spec.augmentation import Augmentation
from piecewise.spec.layers import Dropout, Full, Norm

from .pytorch import module
from .training_time import learning_rates, same_plan
from .workers import process_arguments

Tensor = Any


def model(architecture: Architecture) -> Any:
    """The network as PyTorch modules."""
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


def augment(x: Tensor, augmentation: Augmentation) -> Tensor:
    """Shift, scale and rotate each image at random."""
    n = len(x)
    even = 2 * torch.rand(4, n) - 1
    low, high = torch.tensor(augmentation.scale).log()
    factor = (low + (even[0] + 1) / 2 * (high - low)).exp()
    angle = torch.deg2rad(even[1] * augmentation.rotation)
    cosine, sine = angle.cos() / factor, angle.sin() / factor
    down, right = augmentation.shift
    x_shift, y_shift = 2 * right * even[2], 2 * down * even[3]
    rows = [cosine, -sine, x_shift, sine, cosine, y_shift]
    theta = torch.stack(rows, dim=1).reshape(n, 2, 3)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x + 1, grid, align_corners=False) - 1


def main(data: str, seed: str, options: str) -> None:
    torch.manual_seed(int(seed))
    plan = same_plan(data, seed, *json.loads(options))
    recipe, preprocessor = plan.config.recipe, plan.preprocessor
    net = model(plan.network().architecture).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=0.1, momentum=recipe.momentum, nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )  # fmt: skip
    train_images = torch.from_numpy(plan.splits["train"].inputs)
    labels = torch.from_numpy(plan.splits["train"].labels)
    levels = torch.from_numpy(preprocessor.levels)
    rates = iter(learning_rates(plan))
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(labels)).split(recipe.batch_size):
            optimizer.param_groups[0]["lr"] = float(next(rates))
            x = levels[train_images[batch].long()]
            if recipe.augmentation.changes_anything:
                x = augment(x, recipe.augmentation)
            x = x.contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(net(x), labels[batch]).backward()
            optimizer.step()
    net.eval()
    images, test_labels = plan.splits["test"][:2]
    with torch.inference_mode():
        batches = torch.from_numpy(images).split(512)
        predicted = torch.cat([net(levels[batch.long()]).argmax(1) for batch in batches])
    with tempfile.TemporaryDirectory() as folder:
        torch.save(net.state_dict(), Path(folder, "net.pt"))
    print(float((predicted.numpy() == test_labels).mean()))


if __name__ == "__main__":
    main(*process_arguments("training_time_pytorch", __doc__, data=None, seed=None, options=None))
