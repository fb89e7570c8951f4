"""One class per kind of document."""
