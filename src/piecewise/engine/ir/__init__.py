"""Writes LLVM IR, and plans the memory that kernels and passes use."""
