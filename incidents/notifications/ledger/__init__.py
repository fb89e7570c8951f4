"""The ledger of deliveries: the only code that claims them and changes their state."""
