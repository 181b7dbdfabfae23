"""Files that are dropped, to the folder that `jaxmem fit` writes."""
