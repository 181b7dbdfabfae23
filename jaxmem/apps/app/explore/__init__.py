"""A device and a drive, changed by sliders, and what they do, drawn at once."""
