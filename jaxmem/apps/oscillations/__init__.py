"""What `jaxmem sweep` does: a device and axes of parameters to the map of its oscillations."""
