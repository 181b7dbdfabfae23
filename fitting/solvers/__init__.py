"""From a residual to its least sum of squares; knows no term."""
