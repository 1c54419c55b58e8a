"""What is found out by asking a net: everything here rests on the net and the reference alone."""
