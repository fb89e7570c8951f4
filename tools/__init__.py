"""Programs that draw and collect pictures for the documentation and the pages."""
