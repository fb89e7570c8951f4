"""Reads what documents show: incidents with their timelines, by month and by day."""
