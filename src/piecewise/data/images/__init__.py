"""Pictures: from files to bytes, and from bytes to what a net takes."""
