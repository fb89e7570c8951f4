"""The public store: renders documents to files, writes and mirrors them, and purges caches."""
