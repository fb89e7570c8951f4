"""Apart from the helpers, because `conftest` is imported before the models can be."""

from datetime import datetime

START = datetime.fromisoformat("2023-10-09T21:00:00+00:00")
