"""Devices as netlists of circuit simulators."""
