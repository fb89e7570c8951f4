"""Fuzz tests of public addresses and of every parser of foreign input.

`make test` replays the corpus and tries a fixed number of inputs per target, the same
ones each time. A long run uses new inputs and adds to the corpus: see CONTRIBUTING.md.
"""
