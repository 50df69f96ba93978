"""The report: one self-contained page, made of a review's verdicts and of replays of its counterexamples."""
