"""Files of one make each."""
