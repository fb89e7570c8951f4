"""The project: settings, addresses and the server's entry point around the app."""
