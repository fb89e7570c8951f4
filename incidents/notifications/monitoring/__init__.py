"""Monitoring for staff and metrics: progress of announcements, health of workers and scheduler."""
