"""The native engine: a network compiled at run time to machine code by LLVM.

A batch is processed in groups of sixteen examples, one example per vector lane. A group's feature
maps are stored as [channel][row][column][16] float32, so that every inner operation is a fused
multiply-add of one weight with the values of sixteen examples, whatever the layer's sizes.
`piecewise.reference` defines what each layer computes; the engine agrees with it and never imports
it.

The order of every sum follows from the shapes and the recipe alone, not from the number of threads
or the width of the vectors. A trained network therefore has the same bits on every machine:

- An output of a convolution or a fully connected layer is one chain of fused multiply-adds: the
  bias, then channel, kernel row, kernel column (padding is skipped). The gradient of its input is
  one chain from zero: feature, kernel row, kernel column.
- Convolutions with 3x3 kernels, and their input gradients, are computed in tiles of 4x4 output
  cells if their shapes make that faster (`passes/winograd.py`). Kernels and source cells are
  transformed (`kernels/winograd_transforms.py`), first down the columns, then along the rows.
  Each of the 36 sums of a tile is then one chain from zero over the channels. They are transformed
  in the same way, and the bias is added last.
- The weight gradient of a convolution in tiles is computed in tiles, too: source cells and output
  gradients are transformed. At each of the 36 positions, one chain from zero runs over the tiles,
  up to four at once (`passes/winograd_weight_gradient.py`), and over the sixteen examples of each.
  These sums are added in the order of the tiles, from zero. They are transformed down the columns,
  then along the rows, and the result is added to the group's shard.
- The weight gradient of any other convolution is one chain per example over the rows and columns of
  the output. The sixteen examples of a group are then added as a tree (i + 8, i + 4, i + 2, i + 1),
  and the result is added to the group's shard. Batch norm statistics and bias gradients are summed
  in the same way.
- Batch norm adds up the differences of a group's values from a shift, and their squares. The shift
  is the mean of the channel's first rows, one for each 32 rows, rounded up. A normalized value is
  (x - shift) / deviation - (mean - shift) / deviation, fused; with running averages, the shift is
  the mean.
- The backward pass of batch norm subtracts from a gradient first its channel's mean gradient, then
  the normalized value times its channel's projection, fused, and multiplies the rest by
  weight / deviation, which is computed once per channel. If a max pooling without overlap follows,
  the gradients of weight and bias are summed over its windows. The bias of a convolution right
  before batch norm has no effect, so its gradient is zero.
- A fully connected layer's weight gradient is one chain over the examples of a shard.
- A sample weight is multiplied into the example's finished loss, and into the gradient of each of
  its logits before that is divided by the batch size.
- Shards are added in order. The batch size alone decides which groups belong to which shard.

Finite differences (`codegen/finite_difference_program.py`) run the forward pass in float64, with
the same kernels, because the difference of two losses needs that precision. The differences of a
group's examples are added as a tree, and the groups in order.
"""
