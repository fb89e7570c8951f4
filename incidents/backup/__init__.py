"""Backups: one file with the database and the public store; how it is made, verified and restored."""
