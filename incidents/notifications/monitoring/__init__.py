"""What staff see: progress of announcements, health of workers and scheduler."""
