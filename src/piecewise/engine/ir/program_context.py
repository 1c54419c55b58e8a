"""What a running program is told, and what its threads tell each other: one block of memory.

Numbers and pointers are 8 bytes each, at the places named here. What threads write lies on cache
lines of its own, far enough apart that a processor that fetches lines by the pair does not fetch
another's.
"""

from __future__ import annotations

FIELDS = (
    "inputs",  # pictures, one after the other
    "stride",  # bytes from one picture to the next
    "order",  # the number of the picture at each position
    "labels",  # the right class of each picture
    "answers",  # logits out, a row a position
    "losses",  # float32 out, one a position
    "fraction",  # three floats: a byte becomes (a * byte + b) / c
    "running_stats",
    "shards",
    "state",  # velocity, or the first moments
    "second",  # the second moments
    "rates",  # four floats a step: learning rate, decay, and AdamW's two corrections
    "momentum",  # a float
    "decay",  # a float
    "memories",  # a pointer a thread
    "key",  # two words: seed, purpose and epoch of dropout
    "yields",  # a function that lets another thread run
    "first",  # the first step, counted in this epoch
    "stop",  # the step to stop before
    "batch",  # pictures a step
    "count",  # positions in all
    "threads",
    "most_shards",
    "tricks",  # twelve words: the key of an epoch and how far tricks go
    "picture_weights",  # float32, how much each picture counts; only read by weighted programs
    "groups",  # where parameters are nudged: groups, each a header and an input
    "slopes",  # float64 out, one a parameter
    "seen",  # float64 out, statistics, a row a group
    "amount",  # a float64: how far a nudge goes
    "piece",  # parameters claimed at once
    "shades",  # nine words: two keys of an epoch and how far contrast, light, noise and masks go
)
AT = {name: 8 * index for index, name in enumerate(FIELDS)}

WEIGHTS, SPARE = 1024, 1032
"""Pointers to the weights and to where the next ones are written; they change places each step."""
DONE = 1040
"""Steps taken."""
CLAIM, ARRIVED, GENERATION, STOPPED = 2048, 2560, 3072, 3584
"""The next piece of work; threads at the barrier; how often it opened; whether a number was not
finite."""
LEAVING = 3072 + 64
"""What STOPPED was when the barrier opened last: all threads see the same until the next one."""
SIZE = 4096
