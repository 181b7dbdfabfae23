"""Results as files: folders, pages, where they came from, numbers as text."""
