"""Hypothesis state machines over the alphabet, for any variant: a reviewer's own can be put through them.

``alphabet`` draws operations, ``claim_machine`` watches the promises of one variant, ``lockstep`` compares two.
"""
