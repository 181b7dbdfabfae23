"""Which model: rivals and their ranking."""
