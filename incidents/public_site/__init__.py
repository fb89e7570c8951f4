"""The WSGI application in front of Django: serves what is published, without a database. Imports no model."""
