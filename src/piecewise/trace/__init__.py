"""Shows how every activation, gradient and vote of one input is computed."""
