"""What can no device within the ranges do, as far as that is proved?"""
