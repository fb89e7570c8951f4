"""The app: incidents in several languages, published as files and delivered to subscribers."""
