"""``python -m oom_review``."""

import sys

from oom_review.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
