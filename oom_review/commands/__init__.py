"""One command a file: ``arguments(parser)`` are its options, ``run(options)`` does it and gives the exit status."""

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
UNTESTABLE = 125
"""What `git bisect run` skips."""
