"""The servers and tools a fresh machine lacks: for trying the product out and for its tests, never for production."""
