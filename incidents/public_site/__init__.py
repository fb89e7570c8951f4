"""The WSGI application in front of Django: serves published documents without a database. It imports no model."""
