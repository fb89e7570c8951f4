"""How a letter leaves the house: one module per channel, and the words they share in `base`."""
