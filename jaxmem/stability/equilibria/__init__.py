"""Equilibria: stable or not, and where they begin to oscillate."""
