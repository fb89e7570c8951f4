"""The Django project around the app: settings, URLs and the WSGI entry point."""
