"""Pages that are one file each and need no network: modules of ES, a style, and data."""
