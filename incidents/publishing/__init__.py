"""Renders what the public reads to documents, which are files in the public store."""
