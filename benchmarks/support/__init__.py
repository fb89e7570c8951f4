"""What the benchmarks share: a product to measure, its data, and the servers and readers around it."""
