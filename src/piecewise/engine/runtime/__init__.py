"""Runtime: compile LLVM IR, cache the machine code, and run it on threads."""
