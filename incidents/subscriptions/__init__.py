"""A subscriber's life: signing up, confirming, choosing, leaving. `service` holds the verbs, the views call them."""
