"""The program context: the memory block that passes arguments to a compiled program.

It holds numbers and pointers of 8 bytes each, at the offsets named here. Words that threads write
lie on cache lines of their own, two lines apart, because some processors fetch lines in pairs.
"""

from __future__ import annotations

FIELDS = (
    "inputs",  # the examples, one after the other
    "stride",  # bytes from one example to the next
    "order",  # the index of the example at each position
    "labels",  # the class index of each example
    "logits",  # output: one row per position
    "losses",  # output: one float32 per position
    "byte_scaling",  # three floats a, b, c: a byte becomes (a * byte + b) / c
    "running_stats",
    "shards",
    "optimizer_state",  # the velocity, or AdamW's first moments
    "second_moments",  # AdamW's second moments
    "rates",  # four floats per step: learning rate, decay, and AdamW's two bias corrections
    "momentum",  # a float
    "decay",  # a float
    "thread_memories",  # one pointer per thread
    "key",  # two words: the key of dropout's random numbers
    "yield_function",  # the system's function that lets another thread run
    "first",  # the first step, counted within the epoch
    "stop",  # the step to stop before
    "batch",  # examples per step
    "count",  # number of positions
    "threads",
    "max_shards",
    "geometry",  # twelve words: the epoch's key and the strength of the geometric augmentation
    "sample_weights",  # one float32 per example; read by weighted programs only
    "groups",  # finite differences: groups of examples, each a header and an input
    "gradients",  # output of finite differences: one float64 per parameter
    "observed_stats",  # output of finite differences: batch statistics, one float64 row per group
    "step_size",  # finite differences: a float64, the step up and down
    "chunk",  # finite differences: parameters that a thread claims at once
    "intensity",  # nine words: two keys and the strength of contrast, brightness, noise and bands
    "marks",  # sixteen bytes per block of a large embedding table: which shards have added to it
    "gradient_scales",  # one float32 per parameter; read by scaled programs only
    "first_shard",  # the first shard that a split program computes
    "stop_shard",  # the shard that it stops before
    "records",  # what each group of a batch leaves for the weight gradients of large full layers
)
FIELD_OFFSETS = {name: 8 * index for index, name in enumerate(FIELDS)}

WEIGHTS, NEXT_WEIGHTS = 1024, 1032
"""Pointers to the weights and to the buffer of the updated ones; each step swaps them."""
STEPS_DONE = 1040
"""The number of completed steps."""
NEXT_ITEM, ARRIVED, GENERATION, STOPPED = 2048, 2560, 3072, 3584
"""The next work item; the threads at the barrier; how often the barrier opened; whether a loss or
weight was not finite."""
STOPPED_AT_BARRIER = 3072 + 64
"""The value of STOPPED when the barrier last opened: all threads read the same one until the next
barrier."""
CONTEXT_BYTES = 4096
