"""Goals and knobs as forms, to the device that has them, beside today's."""
