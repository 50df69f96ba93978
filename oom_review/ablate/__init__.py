"""What each hunk of the RFC is worth: every mixture of its hunks against every promise.

ablation.py explores and asks, text.py says it; the mixtures are kernels of their own (oom_kernels/hunks).
"""
