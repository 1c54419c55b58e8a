"""Compiles LLVM IR, caches the machine code and runs it on several threads."""
