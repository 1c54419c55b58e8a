"""Many small nets trained in parallel, and what that costs."""
