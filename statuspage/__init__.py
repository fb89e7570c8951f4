"""The Django project around the app: settings, URLs and the WSGI entry point."""

# The only place that has the version; pyproject.toml reads it from here.
__version__ = "1.0.0"
