"""One input through a network, with the arithmetic of every activation, gradient and vote."""
