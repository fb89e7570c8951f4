"""The page as a file: settings, groups, components and templates, read, compared, stored and written.

A section of the file is a class in a module of its own (`sections.py` has what they share, `registry.py` lists them).
It reads tables into things with leaves, such as `{"name.da": "Mail", "hidden": False}`. Rows of the database have the
same leaves, so they can be compared (`comparison.py`), shown (`differences.py`) and written (`writing.py`) in one way.
"""
