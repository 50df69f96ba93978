"""What it costs: `python -m benchmarks`, see docs/benchmarks.md."""
