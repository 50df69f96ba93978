"""The kernel that all variants share: a model of Linux v4.8's exit, signal, freezer and OOM code, one file per source file.

A function that the C source has not begins with an underscore: whoever shows calls leaves it out.
"""
