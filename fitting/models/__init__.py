"""Models to start a fit from, with ranges read off the data."""
