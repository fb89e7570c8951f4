"""Messages: their content, and its rendering as e-mail, webhook payload or chat card."""
