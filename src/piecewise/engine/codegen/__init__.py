"""Code generation: the LLVM IR of a network's inference, training and finite differences."""
