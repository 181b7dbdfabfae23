"""The doors: what the commands do."""
