"""What an operator can have wrong: one check for each part, for `manage.py doctor`. docs/doctor.md describes them."""
