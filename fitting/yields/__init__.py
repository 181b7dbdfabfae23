"""Which share of made devices is within specification, and what loses the others?"""
