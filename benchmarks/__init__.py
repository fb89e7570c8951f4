"""Measurements with an aim. `python -m benchmarks` says which there are."""
