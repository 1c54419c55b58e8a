"""Matching of the modules of a state dict with layers: by the shapes of their tensors, and by the
numbers in their names where shapes are equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ...core.errors import ModelFileError, shown
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Embed, Full, Norm
from .state_names import IGNORED, ROLES, UnknownOrderError, in_order, split_name

Shape = tuple[int, ...]


class StateModule(NamedTuple):
    """The tensors of a module: their names and shapes by what they are in a layer."""

    names: dict[str, str]
    shapes: dict[str, Shape]


class Signature(NamedTuple):
    """What has to fit for a module to be a layer."""

    kind: type[object]
    shape: Shape


def modules_of(shapes: Mapping[str, Shape]) -> dict[str, StateModule]:
    """The modules of a state dict, by name.

    Raises ModelFileError for a tensor that no layer has.
    """
    modules: dict[str, StateModule] = {}
    for name, shape in shapes.items():
        module, last = split_name(name)
        if last == IGNORED:
            continue
        role = ROLES.get(last)
        found = modules.setdefault(module, StateModule({}, {}))
        if role is None or role in found.names:
            raise ModelFileError(
                f"the tensor {shown(name, 80)} is none that piecewise knows; a layer has weight, "
                "bias, running_mean and running_var"
            )
        found.names[role], found.shapes[role] = name, shape
    return modules


def match(stages: Sequence[Stage], modules: Mapping[str, StateModule]) -> dict[str, StateModule]:
    """The module of each stage with parameters, by the name of the stage.

    Raises ModelFileError, which names the layer or the tensors, if there is not exactly one way.
    """
    wanted: dict[Signature, list[Stage]] = {}
    for stage in stages:
        if stage.parameters:
            wanted.setdefault(_signature(stage), []).append(stage)
    found: dict[Signature, list[str]] = {signature: [] for signature in wanted}
    left_over = []
    for name, module in modules.items():
        fitting = [signature for signature in wanted if _fits(module, signature)]
        # Without a bias, an embedding, which is the first layer, comes before a full layer.
        found[fitting[0]].append(name) if fitting else left_over.append(name)
    matched: dict[str, StateModule] = {}
    for signature, group in wanted.items():
        names = _ordered(found[signature], modules)
        _check_count(group, signature, names, [modules[one] for one in left_over])
        left_over += names[len(group) :]
        matched |= {stage.name: modules[name] for stage, name in zip(group, names, strict=False)}
    if left_over:
        raise ModelFileError(f"no layer takes {_tensors(modules[one] for one in left_over)}")
    return {stage.name: matched[stage.name] for stage in stages if stage.parameters}


def _signature(stage: Stage) -> Signature:
    """The kind of a stage, and the shape of its weight."""
    return Signature(type(stage.layer), stage.parameters[0].shape)


def _fits(module: StateModule, signature: Signature) -> bool:
    """Whether the tensors of a module can be those of a layer."""
    kind, shape = signature
    if (kind is Norm) != ("variance" in module.names):
        return False
    if kind is Embed and "bias" in module.names:
        return False
    got = module.shapes.get("mean" if kind is Norm else "weight", ())
    return got == shape or same_values(kind, got, shape)


def same_values(kind: type[object], got: Shape, wanted: Shape) -> bool:
    """Whether a weight has the values of the wanted shape in the same order: a kernel without
    rows, or a fully connected layer that is written as a convolution."""
    if kind is Convolution and len(got) == 3 and wanted[2] == 1:
        return got == wanted[:2] + wanted[3:]
    return kind is Full and got == (*wanted, 1, 1)


def _ordered(names: list[str], modules: Mapping[str, StateModule]) -> list[str]:
    """Modules of the same shapes in their order."""
    try:
        return in_order(names)
    except UnknownOrderError as error:
        tensors = _tensors(modules[one] for one in sorted(error.modules))
        raise ModelFileError(
            f"{tensors} have the same shape, and their names do not say which comes first; "
            "number them, as in conv1 and conv2"
        ) from None


def _check_count(
    stages: list[Stage], signature: Signature, names: list[str], left_over: list[StateModule]
) -> None:
    """Refuse a file with fewer modules of these shapes than there are layers."""
    if len(names) >= len(stages):
        return
    stage = stages[len(names)]
    same = next((one for one in left_over if one.shapes.get("weight") == signature.shape), None)
    if signature.kind is Norm and same is not None:
        raise ModelFileError(
            f"{stage.name} wants running_mean and running_var beside {_tensors([same])}, which the "
            "file does not have"
        )
    others = f"; it has {_tensors(left_over)}" if left_over else ""
    again = f" {len(stages)} times" if len(stages) > 1 else ""
    raise ModelFileError(
        f"{stage.name} wants a weight of the shape {signature.shape}, which the file does not "
        f"have{again}{others}"
    )


def _tensors(modules: Iterable[StateModule]) -> str:
    """The first tensors of some modules, with their shapes."""
    described = [
        f"{shown(module.names[role], 80)} {module.shapes[role]}"
        for module in modules
        for role in sorted(module.names, reverse=True)[:1]
    ]
    more = f" and {len(described) - 4} more" if len(described) > 4 else ""
    return ", ".join(described[:4]) + more
