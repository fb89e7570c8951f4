"""Staff and what they do: who acts, and what they may do."""
