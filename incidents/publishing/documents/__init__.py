"""Documents: one class per kind, see `base` and `registry`."""
