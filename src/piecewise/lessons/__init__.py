"""The lessons: pages whose numbers are computed from the learner's own drawings and nets."""
