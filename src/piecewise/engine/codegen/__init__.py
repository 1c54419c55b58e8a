"""Generates the LLVM IR of inference, training and finite differences."""
