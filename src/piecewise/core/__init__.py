"""Shared basics: errors, constraints, random numbers, array types, atomic writes."""
