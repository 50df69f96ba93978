"""Random search for counterexamples, by Hypothesis: the alphabet, the state machines, one claim's search, and shrinking."""
