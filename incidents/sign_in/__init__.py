"""How staff log in, and how long they stay logged in: the second factor, sessions, and emails about log-ins."""
