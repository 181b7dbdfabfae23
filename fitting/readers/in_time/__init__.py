"""Voltage and current against time."""
