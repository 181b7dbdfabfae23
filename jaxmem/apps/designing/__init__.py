"""`jaxmem design`: goals and knobs to a device, with a page that says what was reached."""
