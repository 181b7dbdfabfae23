"""The fit: of one model to all terms, of many spectra, of a series."""
