"""Measures robustness to shifts, scaling, rotation and stroke width, and trains for it."""
