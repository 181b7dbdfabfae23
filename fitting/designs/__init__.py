"""The inverse question: which device has these properties?"""
