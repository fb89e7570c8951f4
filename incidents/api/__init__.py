"""The API with which programs write, `/api/v1/`: that of Statuspage, with our verbs and rules (docs/write-api.md)."""
