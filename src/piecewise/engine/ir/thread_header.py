"""The beginning of a thread's memory: the group it works on.

Each name is where its sixteen numbers begin, in bytes.
"""

NUMBERS_OFFSET = 0
"""The numbers of the group's examples, i64."""
LABELS_OFFSET = 128
"""Their right classes, i64."""
INPUTS_OFFSET = 256
"""Pointers to what each example is made of."""
LOSSES_OFFSET = 384
"""Their losses, float32; float64, and as long as two, where parameters are nudged."""
SAMPLE_WEIGHTS_OFFSET = 448
"""How much they count, float32; only if the program is weighted."""
HEADER_BYTES = 512
"""Bytes of all this; the places of stacks come after it."""
