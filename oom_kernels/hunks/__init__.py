"""Mixtures of the RFC's hunks, to see what each of them is worth: ``oom_kernels.hunks.h5_h7_h9_thaw`` is legacy with these.

docs/hunks.md has their numbers.  h8 needs what release_task() says, and has hunks 2 to 4 with it; h12 has 11 with it; h13 is mark_oom_victim(),
of which there are four forms (legacy's if none is named, ``thaw``, ``count``, ``both``), and exit_oom_victim() (``clear``: it
leaves the flag alone).
"""
