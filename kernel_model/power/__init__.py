"""kernel/power/: freezing everybody (process), and suspend and hibernation as a user asks for them (main)."""
