"""The meaning of every layer, in NumPy, written to be read.

One file a layer kind, each with the same two functions and ``CACHES_INPUT``:

    forward(layer, x, arrays, draw)             -> y, kept
    backward(layer, upstream, arrays, kept)     -> the gradient of x, {name: gradient of the array}

``x`` is a stack of pictures (N, C, H, W); ``arrays`` holds the layer's own arrays by their short
names ("weight", "bias"); ``draw`` is None when the network answers and a `Draw` when it trains;
``kept`` is whatever backward needs; with ``CACHES_INPUT`` it is ``x`` itself. ``upstream`` is the
gradient of the loss with respect to y.

Numbers are added in an order that follows from shapes alone, by elementwise additions and
multiplications only: so the same bits come out on every machine. No matrix products, no library
reductions, no library exp: those may add or round as the processor likes. What is added over a
whole group, slopes of convolutions and statistics of norm, is added for each picture over its own
cells first, one after the other, and then over the pictures, as a tree.
"""
