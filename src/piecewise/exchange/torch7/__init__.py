"""Torch7 (Collobert, Kavukcuoglu, Farabet): nn.Sequential in a binary .t7 file."""
