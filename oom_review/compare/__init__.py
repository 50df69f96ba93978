"""What only one of two kernels can do: sets of ends over all interleavings, of every script that is tried.

programs.py makes scripts, job.py explores one on both kernels, statements.py says in words where two ends differ, groups.py puts
together what differs alike, shrink.py makes a group's script small, window.py says how likely it is, reached.py and effects.py tell
which lines of a patch ran and to what effect, kept.py keeps what was explored, accepted.py knows what is known already,
comparison.py does all of it, text.py tells it.

An end is what a user could have seen of a whole run (explore/final.py): where each task is, what suspend and hibernate returned, in
which quiet phase who did I/O, every value of the count, warnings, what freezer.state read.  The history is a part of each state, so
that no reduction can merge two runs that differ in it.  Sets are compared, never two schedules: no alignment can make a difference
or hide one.
"""
