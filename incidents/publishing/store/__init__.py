"""The public store: which files there are, and how they are rendered, written, mirrored and purged."""
