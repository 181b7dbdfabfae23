"""A fit as files: numbers, figures, a page."""
