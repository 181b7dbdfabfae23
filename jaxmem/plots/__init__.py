"""Figures as data, and their drawing."""

import lazy_loader

# Names stand in __init__.pyi. `draw`, `draw_panel` and `save` import matplotlib when they are used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
