"""Kernels: each function writes one LLVM function, the loops over numbers in memory."""
