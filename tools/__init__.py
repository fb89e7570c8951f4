"""Programs for maintainers: screenshots and sample emails for the documentation, pictures for social media."""
