"""What meets the laboratory: reading, checking and fitting measurements."""

import lazy_loader

# What is at the door stands in __init__.pyi. It is imported when it is first used, so that
# `import fitting` waits for nothing.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
