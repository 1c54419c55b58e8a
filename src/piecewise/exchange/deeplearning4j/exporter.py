"""The Deeplearning4j exporter: a Keras 2 file, and a Java program that checks what it computes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...core.array_types import Float32
from ...reference.losses import softmax
from ...spec.architecture import Stage
from ...spec.layers import Convolution, Pool, Relu
from ...storage.model_file import SavedModel
from ..exporter import COMMON_SUPPORT, Exporter, Files, inference_stages
from ..keras.layer_list import LayerList
from ..keras.layers import KERAS_2, LayerWriter, overhang
from ..keras.legacy_files import legacy_bytes
from ..own_metadata import KEY, metadata
from ..passport.samples import logits_of, samples_of_inputs
from ..source_code.preparation import preparation_files, preparation_note, reads_files
from ..source_code.sentences import preparation_sentence

NET, CHECK = "net.h5", "Check.java"
VERSION = "1.0.0-M2.1"
_CHECKED = 3  # inputs
_SHOWN = 10  # classes whose probabilities are compared


class Deeplearning4jExporter(Exporter):
    """Two files: ``net.h5``, layer inputs (N, rows, columns, channels) to probabilities
    (N, classes), with a layer ``logits``; and ``Check.java``, which compares what Deeplearning4j
    computes with what piecewise computes."""

    name = "dl4j"
    title = "Deeplearning4j"
    support: ClassVar = {
        **COMMON_SUPPORT,
        "conv": "as Conv2D; a number for `pad` adds ZeroPadding2D before it, `mean` adds "
        "BatchNormalization after it; not after `full`",
        "pool": "yes; windows past the edge only for max pooling after `relu`; not after `full`",
        "full": "as Dense, its weights in the order row, column, channel",
        "norm": "yes",
        "embed": "no: its import of Keras files cannot skip padding",
    }

    @property
    def folder(self) -> str:
        return "deeplearning4j"

    def refusal(self, model: SavedModel) -> str | None:
        if reason := super().refusal(model):
            return reason
        stages, nonnegative, flat = inference_stages(model), False, False
        for stage in stages:
            if reason := _refusal(stage, nonnegative, flat):
                return f"{stage.name}: {reason}"
            layer = stage.layer
            flat = flat or layer.fully_connected or (isinstance(layer, Pool) and _pools_all(layer))
            nonnegative = isinstance(layer, Relu) or (nonnegative and isinstance(layer, Pool))
        if not flat:
            return (
                f"{stages[-1].name if stages else 'input'}: it ends with maps, which are no layer "
                "of outputs there; end the net with full or pool all"
            )
        return None

    def files(self, model: SavedModel) -> Files:
        layers = legacy_layers(model)
        return {
            NET: legacy_bytes(layers, "net", metadata(model)[KEY]),
            CHECK: _check_source(model).encode(),
            **preparation_files(model),
        }

    def usage(self, model: SavedModel) -> str:
        channels, height, width = model.architecture.input
        note = ""
        if reads_files(model):
            note = (
                "`python prepare.py FILE` prints the bytes in the order channel, row, column. "
                + preparation_note(model.preprocessor)
            )
        return f"""\
`{CHECK}` compares three outputs with those of piecewise. It was not run here.

```java
// Maven: org.deeplearning4j:deeplearning4j-modelimport and org.nd4j:nd4j-native-platform,
// version {VERSION}
MultiLayerNetwork net = KerasModelImport.importKerasSequentialModelAndWeights("{NET}", false);
INDArray x = Nd4j.zeros(1, {height}, {width}, {channels});  // rows, columns, channels
// Each value is {_scaling(model)} for a byte of the picture.
INDArray probabilities = net.output(x);
INDArray logits = net.feedForward(x).get(1 + net.getLayer("logits").getIndex());
System.out.println(probabilities.argMax(1));
```

{note} {preparation_sentence(model)}
"""


def legacy_layers(model: SavedModel) -> LayerList:
    """The layers of a network in the dialect of Keras 2, from layer inputs to probabilities."""
    writer = LayerWriter(model, KERAS_2)
    writer.add_input(pixels=False)
    writer.add_stages()
    writer.add_end()
    return writer.layers


def _refusal(stage: Stage, nonnegative: bool, flat: bool) -> str | None:
    """Why a layer cannot be expressed; ``nonnegative`` and ``flat`` are about its input."""
    layer = stage.layer
    if flat and isinstance(layer, Convolution | Pool):
        return "it makes maps of a row of values, which Deeplearning4j orders in another way"
    if isinstance(layer, Pool) and any(overhang(stage)):
        if layer.kind == "average":
            return "averages of windows past the edge count padding there; use edge=drop"
        if not nonnegative:
            return "windows past the edge see zeros there; put relu before it, or use edge=drop"
    return None


def _pools_all(layer: Pool) -> bool:
    return layer.window == "all"


def _scaling(model: SavedModel) -> str:
    """How a byte becomes the number that the layers read, in Java."""
    a, b, c = (f"{one:g}" for one in model.preprocessor.scaling)
    return f"({a}f * value + {b}f) / {c}f".replace("+ -", "- ")


def _bytes(model: SavedModel) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The inputs of the check, (N, rows, columns, channels), by a formula that Java has, too."""
    channels, height, width = model.architecture.input
    index = np.arange(_CHECKED * height * width * channels)
    values = (index * 31 + index // 7 * 13) % 256
    return values.astype(np.uint8).reshape(_CHECKED, height, width, channels)


def _expected(model: SavedModel) -> Float32:
    """The probabilities of the first classes for the inputs of the check."""
    inputs = np.ascontiguousarray(_bytes(model).transpose(0, 3, 1, 2))
    logits = logits_of(model, samples_of_inputs(model.preprocessor, inputs))
    probabilities = softmax(logits / np.float32(model.calibration.temperature))
    return np.asarray(probabilities[:, :_SHOWN], np.float32)


def _check_source(model: SavedModel) -> str:
    channels, height, width = model.architecture.input
    rows = ",\n".join(
        f"        {{{', '.join(f'{float(one):.9g}' for one in row)}}}" for row in _expected(model)
    )
    return f"""\
import org.deeplearning4j.nn.modelimport.keras.KerasModelImport;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Compares {NET} in Deeplearning4j {VERSION} with what piecewise computes, on three inputs. */
public class Check {{
    static final double[][] EXPECTED = {{
{rows}
    }};

    public static void main(String[] arguments) throws Exception {{
        MultiLayerNetwork net =
                KerasModelImport.importKerasSequentialModelAndWeights("{NET}", false);
        long[] shape = {{{_CHECKED}, {height}, {width}, {channels}}};
        float[] values = new float[{_CHECKED * height * width * channels}];
        for (int i = 0; i < values.length; i++) {{
            int value = (int) ((i * 31L + i / 7 * 13L) % 256);
            values[i] = {_scaling(model)};
        }}
        INDArray outputs = net.output(Nd4j.create(values, shape, 'c'));
        double largest = 0;
        for (int n = 0; n < EXPECTED.length; n++) {{
            for (int k = 0; k < EXPECTED[n].length; k++) {{
                largest = Math.max(largest, Math.abs(outputs.getDouble(n, k) - EXPECTED[n][k]));
            }}
        }}
        System.out.println("largest difference of probabilities: " + largest);
        if (!(largest <= 1e-5)) {{
            System.exit(1);
        }}
    }}
}}
"""
