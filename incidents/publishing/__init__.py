"""What the public reads: documents rendered to files in the public store, and the site that serves them."""
