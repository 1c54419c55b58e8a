"""The header of a thread's memory: byte offsets of the group's sixteen example numbers, labels and
so on."""

NUMBERS_OFFSET = 0
"""The numbers of the group's examples, i64."""
LABELS_OFFSET = 128
"""Their labels, i64."""
INPUTS_OFFSET = 256
"""Pointers to their inputs."""
LOSSES_OFFSET = 384
"""Their losses: float32, or float64 in programs of finite differences."""
SAMPLE_WEIGHTS_OFFSET = 448
"""Their sample weights, float32, in weighted programs."""
RECORD_OFFSET = 512
"""The pointer to the group's record (`codegen/batch_gradients.py`), in programs with records."""
HEADER_BYTES = 640
"""Bytes of the header; the buffers follow."""
