"""Staff and what they do: who acts, what they may do, and the audit log."""
