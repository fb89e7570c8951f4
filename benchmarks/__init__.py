"""Measurements, most of them with an aim. `python -m benchmarks` lists them; README.md describes them."""
