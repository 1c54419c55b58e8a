"""The model card: what a net is for, how it was trained and how good it is, in Markdown."""
