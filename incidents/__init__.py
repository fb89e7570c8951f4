"""The app: incidents in several languages, published as files and told to subscribers."""
