"""Questions about the device as a dynamical system, one a module."""
