"""Limit cycles: found, followed, their multipliers."""
