"""Stock kernels in throw-away machines: fetched, booted under QEMU with a probe as init, and what they printed read.

Tried and dropped: virtme-ng, whose guest starts a udevd that takes the disk and changed the result; labgrid and tuxrun, which want a board.
"""
