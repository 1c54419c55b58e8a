"""The beginning of a thread's memory: the group it works on.

Each name is where its sixteen numbers begin, in bytes.
"""

PICTURES_AT = 0
"""The numbers of the group's pictures, i64."""
LABELS_AT = 128
"""Their right classes, i64."""
WORDS_AT = 256
"""Pointers to what each picture is made of."""
LOSSES_AT = 384
"""Their losses, float32; float64, and as long as two, where parameters are nudged."""
PICTURE_WEIGHTS_AT = 448
"""How much they count, float32; only if the program is weighted."""
HEADER = 512
"""Bytes of all this; the places of stacks come after it."""
