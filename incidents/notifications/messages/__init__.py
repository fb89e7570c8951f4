"""Messages: their content, and its rendering as email, webhook payload or chat card."""
