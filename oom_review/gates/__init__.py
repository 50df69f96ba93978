"""Counterexamples forced on a stock kernel: tasks held at the entries of functions, through the debugger's port of the machine.

A gate is a jump to itself over a function's first two bytes.  Tried and dropped: breakpoints (they stop the machine, and a CPU that
stands still answers no other CPU's interrupts), kprobes (no module of ours can be loaded without the kernel's headers), a throttled disk (luck).
"""
