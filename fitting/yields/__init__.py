"""Which share of made devices is within specification, what loses the others, and how to gain them?"""
