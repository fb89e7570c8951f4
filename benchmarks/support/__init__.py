"""What the benchmarks share: data to measure with, and the processes that are measured."""
