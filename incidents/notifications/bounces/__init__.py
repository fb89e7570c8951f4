"""Bounces: emails about our emails, their parsing, and the consequences for subscribers."""
