"""Alerts from monitoring: received (`receiving`), and made into incidents by rules (`handling`). See docs/alerts.md."""
