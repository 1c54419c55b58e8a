"""How a net learns: kernels by epoch, and the loss as a function of one parameter."""
