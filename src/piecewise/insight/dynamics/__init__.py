"""Shows how kernels change by epoch, and how the loss depends on one parameter."""
