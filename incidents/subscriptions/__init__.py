"""Subscriptions: sign-up, confirmation, choices, unsubscribing. The views call the verbs in `service`."""
