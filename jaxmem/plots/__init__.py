"""Figures of devices and of their stability."""
