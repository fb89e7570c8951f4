"""What `manage.py incident` and `manage.py maintenance` share: options, texts, the dry run and what is printed."""
