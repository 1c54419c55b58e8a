"""Reference implementations of all layers, losses and optimizers in NumPy, written to be read.

One file for each kind of layer, each with two functions and ``CACHES_INPUT``:

    forward(layer, x, arrays, batch)          -> y, cached
    backward(layer, upstream, arrays, cached) -> the gradient of x, {name: gradient of the array}

``x`` holds the inputs (N, C, H, W); ``arrays`` holds the layer's arrays by their short names
("weight", "bias"); ``batch`` is a `BatchContext`, which says whether this is a training step;
``cached`` holds what the backward pass needs: ``x`` itself where ``CACHES_INPUT`` is true.
``upstream`` is the gradient of the loss with respect to y.

Numbers are added in an order that depends on shapes only, by elementwise additions and
multiplications only. The results therefore have the same bits on every machine. There are no matrix
products, no library reductions and no library exp, because those may add or round differently from
processor to processor. Sums over a ghost batch (weight gradients of convolutions, statistics of
batch normalization) are computed for each example over its own cells first, one after the other,
and then over the examples, as a tree.
"""
