"""The speed: a network compiled at run time to one native program.

One picture per lane, sixteen pictures a group: a stack lies as [channel][row][column][16] float32,
so that every inner operation is one multiplication and addition of a weight with sixteen pictures'
values, whatever the sizes. What a layer means stands in `piecewise.reference`; this room must agree
with it and never imports it.

The order of every sum follows from shapes and recipe alone, never from threads or vectors:

- an output of a convolution or a full layer is one chain of fused multiply-adds: the bias, then
  channel, kernel row, kernel column (padding left out); its input's gradient: feature, kernel row,
  kernel column, from zero;
- a convolution's weight gradient is a chain per picture over the rows and columns of the output,
  then the sixteen pictures of a group as a tree (i + 8, i + 4, i + 2, i + 1), then added to the
  group's shard; norm's statistics and every bias likewise;
- norm's mean of a group is rounded: the mean of (x - mean), likewise, is what it is off by, and a
  normal value is (x - mean) / deviation - off / deviation, fused; running averages have no off;
- norm's way back takes from a slope first its map's shift, then the normal value times its map's
  stretch, fused, and multiplies what is left by weight / deviation, worked out once a map;
- a full layer's weight gradient is one chain over the pictures of a shard;
- where pictures have weights, a picture's is multiplied once into its loss, when that is complete,
  and once into the slope of each of its logits, before that is divided by the batch's pictures;
- shards are added in their order; which groups belong to which is a matter of the batch size.

Nudging (`nudges.py`) runs the way forward in float64, written by the same kernels: a difference of
two losses needs it. What a parameter's nudges differ by is a tree over the pictures of a group,
then added group by group.
"""
