"""One command a file: ``arguments(parser)`` are its options, ``run(options)`` does it and gives the exit status."""

OK, FAILED, BAD_INPUT, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
"""The last two as a shell has them for SIGINT and SIGPIPE."""
UNTESTABLE = 125
"""What `git bisect run` skips."""
