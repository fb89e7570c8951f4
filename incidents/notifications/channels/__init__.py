"""Channels: one module each; `base` has the replies and errors that they share."""
