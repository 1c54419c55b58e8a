"""Theano: a script that builds the graph, and its arrays."""
