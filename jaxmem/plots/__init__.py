"""Figures as data, and their drawing."""

import lazy_loader

# Names stand in __init__.pyi. What draws imports matplotlib when it is used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
