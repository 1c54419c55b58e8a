"""Texts: from files and tables to sentences, and from sentences to numbers of words."""
