"""Passes: one per layer, or one for several fused layers; each writes its kernel calls for the
forward and the backward pass.

ReLU is fused into the pass that stores its input. In the backward pass it masks the gradient: the
gradient is zero where the stored value is not above zero. Max pooling with non-overlapping windows
is fused into the convolution before it, band by band, while the rows are in the cache. ReLU and max
pooling commute, so their order does not matter.
"""
