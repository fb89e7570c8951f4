"""The ledger of deliveries: the only code that claims them and moves them from state to state."""
