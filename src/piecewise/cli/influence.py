"""`piecewise influence`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click
from rich.console import Console

from ..data.dataset import Dataset
from ..insight.data_quality.influence import Influence, influential_examples
from ..insight.retraining.cost import RetrainingCost, retraining_cost
from ..network import Network
from .dataset_options import read_for
from .interrupts import DeferredInterrupt
from .one_input import InputOptions, class_number, input_options
from .options import DATA, groups_option, json_option, table_options, training_data_option
from .output import Meter, counted, messages, print_json, print_message, printable, results

SHOWN = 10
LARGE_DIFFERENCE, CONFIDENT = 0.5, 0.95
"""A difference of probabilities that counts as another answer, and a confident probability."""


@dataclass(frozen=True)
class InfluenceOptions(InputOptions):
    """The options of the command."""

    source: str
    table: dict[str, Any]
    expected: str
    groups: str | None


@dataclass(frozen=True)
class _Result:
    """The training examples, by influence, and the retrained nets that measured it.

    ``own``: the probability of the expected class by the net itself; ``answer``: its prediction.
    """

    net: Network
    dataset: Dataset
    trained_on: npt.NDArray[np.int64]
    cost: RetrainingCost
    expected: int
    own: float
    answer: str
    examples: Sequence[Influence]

    @property
    def reproduced(self) -> bool:
        """Whether the retrained nets answer as the net does, or as expected: else they say nothing
        about its answer."""
        return self.examples[0].predictions[0] in (self.answer, self.net.classes[self.expected])

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.net.classes[self.expected],
            "reproduced": self.reproduced,
            "retraining": self.cost.to_json(),
            "influences": [one.to_json() for one in self.examples],
        }


@click.command(name="influence")
@input_options
@training_data_option(required=True)
@click.option(
    "--expected", metavar="CLASS", required=True, panel=DATA, help="The true label of INPUT."
)
@table_options
@groups_option("The nets are then retrained without one group at a time.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Find the training examples that caused the prediction of the net in the model file NET for
    INPUT.

    Nets are retrained, each without one example of the training split of DATA. An example has a
    large influence if, without it, the probability of the expected class rises.
    """
    options = InfluenceOptions(**values)
    options.check("influence")
    net, console = Network.load(options.net_file), messages()
    expected = class_number(net, "--expected", options.expected)
    assert expected is not None, "it is required"
    example = options.explanation(net).example
    result = _measure(net, example, expected, options, console)
    if options.as_json:
        print_json(result.to_json())
        return
    if not result.reproduced:
        print_message(console, _not_reproduced(result))
        ctx.exit(1)
    output = results()
    for line in _lines(result):
        output.print(printable(line), soft_wrap=True)
    _print_doubts(result, console)


def _measure(
    net: Network,
    example: npt.NDArray[Any],
    expected: int,
    options: InfluenceOptions,
    console: Console,
) -> _Result:
    """Retrain nets without each example, or group, of the training split in turn."""
    with DeferredInterrupt() as interrupt, Meter(console, interrupt.check) as meter:
        dataset = read_for(net, options.source, options.table, meter, groups=options.groups)
        chosen = np.flatnonzero(dataset.splits == "train")
        grouped = None if dataset.groups is None else dataset.groups[chosen]
        left_out = len(chosen) if grouped is None else len(np.unique(grouped))
        budget = retraining_cost(net, len(chosen), left_out)
        instead = "" if budget.layers == net.notation else f" with smaller layers: {budget.layers}"
        print_message(
            console,
            f"training {counted(budget.nets, 'net')} of "
            f"{counted(budget.recipe.epochs, 'epoch')}{instead}",
        )
        examples = influential_examples(
            net,
            *dataset.subset("train"),
            example[None],
            np.array([expected]),
            groups=grouped,
            names=[dataset.names[index] for index in chosen.tolist()],
            on_progress=meter,
        )
    probabilities = net.probabilities(example[None])[0]
    answer = net.classes[int(probabilities.argmax())]
    own = float(probabilities[expected])
    return _Result(net, dataset, chosen, budget, expected, own, answer, examples)


def _lines(result: _Result) -> Iterator[str]:
    """The probability of the expected class, and how it changes without the first examples."""
    retrained = result.examples[0].probability or 0.0
    yield (
        f"{result.net.classes[result.expected]}: {_percent(result.own)} by the net, "
        f"{_percent(retrained)} by nets retrained on all examples. Without one:"
    )
    for one in result.examples[:SHOWN]:
        labels = result.dataset.labels[result.trained_on[list(one.indices)]]
        yield _line(result.net, labels, one)


def _line(net: Network, labels: npt.NDArray[np.int64], one: Influence) -> str:
    """The probability of the expected class without an example, and the probability of the
    example's own label by nets that were not trained on it."""
    which, own = f"{len(labels):,} examples", "their labels"
    if len(labels) == 1:
        which, own = f"label {net.classes[labels[0]]}", "this label"
    changes = f", the answer is {one.predictions_without[0]}" if one.changes_prediction else ""
    without = _percent(one.probability_without or 0.0)
    return (
        f"  {without:>7}{changes}   {one.name} ({which}; nets trained without it give "
        f"{own} {_percent(one.label_probability)})"
    )


def _not_reproduced(result: _Result) -> str:
    """Why there is no finding, and what would give one."""
    retrained, cost = result.examples[0], result.cost
    steps = cost.recipe.epochs * -(-len(result.trained_on) // cost.recipe.batch_size)
    return (
        f"no finding: nets retrained on all {len(result.trained_on):,} examples answer "
        f"{retrained.predictions[0]}, not {result.answer} as this net does, so leaving one out "
        f"tells nothing about its answer; each of the {cost.nets:,} nets trains for {steps:,} "
        "steps only, because there are so many: use DATA with fewer examples, such as the classes "
        "in question, or leave out groups with --groups"
    )


def _print_doubts(result: _Result, console: Console) -> None:
    """Print a message if the result may not apply to the net itself."""
    retrained = result.examples[0].probability or 0.0
    if abs(result.own - retrained) > LARGE_DIFFERENCE:
        print_message(
            console,
            "the retrained nets are much more or much less confident than this net, so the "
            "influences on this net may differ",
        )
    elif retrained > CONFIDENT:
        expected = result.net.classes[result.expected]
        print_message(
            console,
            f"the retrained nets already answer {expected}, so no example caused the answer",
        )


def _percent(fraction: float) -> str:
    return f"{max(0.0, 100 * fraction):.1f} %"
