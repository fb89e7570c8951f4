"""Servers and tools to try the product and to run its tests on a fresh machine; never for production."""
