"""What is sent: the content of a message, and its form as e-mail, webhook payload or chat card."""
