"""The metrics of `/metrics`: their definitions, and their text. Pure Python, for the web server's process too."""
