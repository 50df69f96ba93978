"""The search that repeats choices on fresh machines to get back to one that is left.

What it needs of the kernel is declared at the preemption points, which it can watch being kept.  It alone explores without cached
states, several runs, and clocks that move early; recorded/ has the same reductions, and is a hundred times faster.
"""
