"""What a reviewer uses: scenarios, schedules, claims, differences, the search for counterexamples, and the command line."""
