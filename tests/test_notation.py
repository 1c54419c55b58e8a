"""Reading and writing the layer notation, and its error messages."""

from __future__ import annotations

import random

import pytest

from piecewise.core.constraints import MAX_LAYERS, MAX_NOTATION
from piecewise.core.errors import NotationError, PiecewiseError, ShapeError
from piecewise.network import Network
from piecewise.spec.layer_base import Layer
from piecewise.spec.layers import KINDS, Convolution, Embed, Full, Norm, Pool, Relu
from piecewise.spec.notation import parse, write

from .long import now_and_long
from .steps import at_most

parametrize_count = pytest.mark.parametrize("count", now_and_long((2_000, 10_000), {2_000}))


def random_side(draw: random.Random, low: int, high: int) -> str:
    first, second = draw.randint(low, high), draw.randint(low, high)
    return draw.choice([f"{first}", f"{first}x{second}"])


def random_layer(draw: random.Random) -> str:
    """The valid text of one layer with random options."""
    kind = draw.choice([kind.word for kind in KINDS])
    if kind == "conv":
        words = [kind, str(draw.randint(1, 65_536)), random_side(draw, 1, 1_024)]
        pads = ["pad=same", f"pad={random_side(draw, 0, 1_024)}"]
        extras = [f"stride={random_side(draw, 1, 1_024)}", draw.choice(pads), "mean", "bias=no"]
    elif kind == "pool":
        words = [kind, random_side(draw, 1, 1_024)]
        extras = [f"stride={random_side(draw, 1, 1_024)}", "kind=average", "edge=drop"]
        if draw.random() < 0.2:
            words, extras = [kind, "all"], ["kind=average"]
    elif kind == "full":
        return f"full {draw.randint(1, 1_048_576)}" if draw.random() < 0.9 else "full"
    elif kind == "dropout":
        return f"dropout {draw.choice(['0', '.5', '0.25', '1e-7', repr(draw.random())])}"
    elif kind == "embed":
        return f"embed {draw.randint(1, 65_536)}"
    else:
        return kind
    chosen = [extra for extra in extras if draw.random() < 0.3]
    draw.shuffle(chosen)
    return " ".join([*words, *chosen])


def random_notation(draw: random.Random, depth: int = 0) -> str:
    items = []
    for _ in range(draw.randint(1, 5)):
        if depth < 3 and draw.random() < 0.2:
            items.append(f"{draw.randint(1, 4)} * ({random_notation(draw, depth + 1)})")
        else:
            items.append(random_layer(draw))
    return draw.choice([", ", ",", " , ", ",\n"]).join(items)


@parametrize_count
def test_notation_random_texts_round_trip(count: int) -> None:
    draw = random.Random(0)
    kinds = set()
    for number in range(count):
        text = random_notation(draw)
        layers = parse(text)
        kinds |= {type(layer) for layer in layers}
        written = write(layers)
        assert parse(written) == layers, f"{number}: {text!r} became {written!r}"
        assert write(parse(written)) == written
    assert kinds == set(KINDS)


def corrupted(draw: random.Random, text: str) -> str:
    """A text with a few characters deleted, inserted or replaced."""
    replacements = "(),*=x 0123456789-.abcdefghnopqrstuv\tÄ٣😀\0"
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(text) + 1)
        end = start + draw.choice([0, 0, 1, 1, 2, 7])
        text = text[:start] + draw.choice(["", *replacements]) + text[end:]
    return text


def refusal(text: str) -> NotationError | None:
    """The `NotationError` of a network's text, or None; other exceptions propagate."""
    try:
        Network(text, input=(1, 5, 5), classes=10)
    except NotationError as error:
        return error
    return None


@parametrize_count
def test_notation_broken_texts_raise_with_position(count: int) -> None:
    draw = random.Random(1)
    error_count = 0
    for number in range(count):
        text = corrupted(draw, random_notation(draw))
        with at_most(300_000):
            error = refusal(text)
        if error is not None:
            error_count += 1
            assert 0 <= error.position <= len(text), (number, text)
            assert f"position {error.position}" in str(error), (number, text)
            assert error.text == text
    assert error_count > 0.95 * count


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "there is no layer; write 'conv 8 3, relu, pool 2, full', say"),
        ("   ", 3, "there is no layer"),
        ("conv 16 5, relo, full", 11, "'relo' is not a layer; did you mean 'relu'?"),
        ("Conv 16 5, full", 0, "did you mean 'conv'?"),
        ("zebra", 0, "known names: conv, dropout, embed, full, norm, pool, relu"),
        ("conv 16", 0, "conv needs its kernel; write conv 16 5x5 stride=2 pad=same, say"),
        ("conv 0 3, full", 5, "conv: features: got 0, wanted a whole number from 1 to 65,536"),
        ("conv 3 3x3x3", 7, "kernel: got '3x3x3', wanted one whole number from 1 to 1,024 or two"),
        ("conv 3 3 stride=0", 16, "stride: got '0', wanted"),
        ("conv 3 3 stride", 9, "stride needs a value: stride=, then"),
        ("conv 3 3 stride=", 16, "got the end of the text, wanted"),
        ("conv 3 3 stride=2 stride=2", 18, "stride appears twice; take one out"),
        ("conv 3 3 padd=same", 9, "conv has no hyperparameter 'padd'; did you mean 'pad'?"),
        ("conv 3 3 mean=yes", 9, "mean takes no value; write just mean"),
        ("conv 3 3 bias=maybe", 14, "bias: got 'maybe', wanted yes or no"),
        ("pool 2 kind=median", 12, "kind: got 'median', wanted max or average"),
        ("pool all stride=2", 0, "pool all has one window, so it takes no stride"),
        ("dropout 1", 8, "rate: got 1.0, wanted a number from 0 up to, but not including, 1"),
        ("relu 3", 5, "relu takes no further argument; got '3': relu"),
        ("full 3 4", 7, "full takes no further argument; got '4': full [NEURONS]"),
        ("relu relu", 5, "there is no comma between two layers; put one before relu"),
        ("relu,, relu", 5, "got ',', wanted a layer"),
        ("relu,", 5, "got the end of the text, wanted a layer"),
        ("2 * (relu", 9, "got the end of the text, wanted ) to close the ( at position 4"),
        ("2 (relu)", 2, "got '(', wanted '*'; repeats are written 2 * (conv 8 3, relu)"),
        ("2 * relu", 4, "got 'relu', wanted '('"),
        ("0 * (relu)", 0, "number of repeats: got 0, wanted a whole number from 1 to 1,000"),
        ("x * (relu)", 0, "number of repeats: got 'x'"),
        ("relu)", 4, "this ) closes nothing"),
        ("relu (", 5, "got '(', wanted a comma or a hyperparameter of relu"),
        ("1000 * (1000 * (relu))", 0, "1,000 times 1,000 layers are too many"),
        ("1000000 * (relu)", 0, "got 1000000, wanted a whole number from 1 to 1,000"),
        ("relu, 1000 * (relu)", 6, "more than 1,000 layers; the limit is reached here"),
        ("1*(" * 9 + "relu" + ")" * 9, 24, "brackets are nested more than 8 deep"),
    ],
)
def test_notation_error_names_position_and_remedy(text: str, position: int, words: str) -> None:
    with pytest.raises(NotationError) as caught:
        parse(text)
    assert caught.value.position == position
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"layers, position {position}: ")
    assert "\n" not in str(caught.value)


def test_notation_too_long_or_not_text_raises() -> None:
    with pytest.raises(NotationError, match="wanted at most 20,000") as caught:
        parse("relu, " * 10_000_000)
    assert caught.value.position == MAX_NOTATION
    with pytest.raises(NotationError, match="got None, wanted a text such as"):
        parse(None)  # type: ignore[arg-type]
    assert len(parse(f"{MAX_LAYERS} * (relu)")) == MAX_LAYERS


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([Convolution(16, (5, 5)), Relu(), Pool((2, 2)), Full()], "conv 16 5, relu, pool 2, full"),
        ([Convolution(16, (1, 7), (2, 1), "same")], "conv 16 1x7 stride=2x1 pad=same"),
        ([Convolution(3, (3, 3), mean=True)], "conv 3 3 mean"),
        ([Convolution(3, (3, 3), bias=False), Norm()], "conv 3 3 bias=no, norm"),
        ([Pool("all", kind="average")], "pool all kind=average"),
        ([Pool((3, 3), stride=(2, 2), edge="drop")], "pool 3 stride=2 edge=drop"),
        ([Embed(32), Full(2)], "embed 32, full 2"),
        ([Convolution(8, (3, 3)), Relu()] * 2, "2 * (conv 8 3, relu)"),
        ([Relu(), Relu()], "relu, relu"),
    ],
)
def test_write_layers_gives_shortest_notation(layers: list[Layer], text: str) -> None:
    assert write(layers) == text
    assert list(parse(text)) == layers


@pytest.mark.parametrize(
    ("text", "layer", "position", "words"),
    [
        ("conv 8 30, full", 1, 0, "the kernel, 30x30, is larger than its input, 1x28x28"),
        ("conv 8 5, 5 * (pool 2), conv 8 2, full", 7, 24, "is larger than its input, 8x1x1"),
        ("pool 40 edge=drop, full", 1, 0, "edge=drop leaves nothing"),
        ("full, full", 1, 0, "only the last full may leave out its neurons"),
        ("relu, embed 3, full", 2, 6, "can only be the first layer"),
        ("conv 8 3", 1, 0, "ends with 5,408 values (8x26x26), wanted 10, one per class"),
        ("full 11", 1, 0, "ends with 11 values (11x1x1), wanted 10"),
        ("full 200000, full", 1, 0, "the limit is 100,000,000"),
        ("conv 65536 20 pad=1024, full", 1, 0, "values, wanted at most 67,108,864"),
    ],
)
def test_shape_error_names_number_position_and_sizes(
    text: str, layer: int, position: int, words: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        Network(text, input=(1, 28, 28), classes=10)
    assert (caught.value.layer, caught.value.position) == (layer, position)
    assert f"layer {layer} (" in str(caught.value)
    assert words in str(caught.value)


def test_shape_error_of_one_row_input_suggests_one_row_kernel() -> None:
    with pytest.raises(ShapeError, match="write 1x5: the input has one row"):
        Network("conv 8 5, full", input=(64, 1, 128), classes=2)


def test_notation_errors_derive_from_piecewise_error() -> None:
    assert issubclass(ShapeError, NotationError)
    assert issubclass(NotationError, PiecewiseError)
