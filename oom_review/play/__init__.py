"""One run of a scenario on one kernel: the session that drives it, what it leaves behind, what is observed, and its trace."""
