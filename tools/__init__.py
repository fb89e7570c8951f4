"""Programs for maintainers: screenshots and sample e-mails for the documentation, pictures for social media."""
