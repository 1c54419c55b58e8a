"""LLVM text and what kernels and passes share: memory plan, program context, window terms."""
