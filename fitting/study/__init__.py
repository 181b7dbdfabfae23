"""A specification to a folder of results."""
