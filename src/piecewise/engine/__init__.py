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
- norm's way back takes from a slope first its map's shift, then the normal value times its map's
  stretch, fused, and multiplies what is left by weight / deviation, worked out once a map;
- a full layer's weight gradient is one chain over the pictures of a shard;
- shards are added in their order; which groups belong to which is a matter of the batch size.
"""
