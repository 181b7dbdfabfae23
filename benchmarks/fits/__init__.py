"""Questions about fits to data, one a module."""
