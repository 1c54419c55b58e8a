"""What runs inside: each function here writes one kernel, the loops over numbers in memory."""
