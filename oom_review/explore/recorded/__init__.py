"""Exploration on recorded steps: each step of the kernel runs once for all states that look alike to it.

A step is a function of what it reads.  recorder.py notes what one step of the real model reads and writes; table.py keeps that as a
decision tree, so that the same step from any other state with the same values read is a look-up; steps.py holds a state as a
tuple of numbers; search.py walks all interleavings of such states.  Nothing is modelled a second time: every entry was computed by the model.
"""
