"""Answers from methods and programs that share no code with the library."""
