"""`jaxmem app`: the program in a browser, served to this machine alone."""
