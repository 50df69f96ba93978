"""What real kernels did, held against what the models can reach: situations as scripts of the probe, predictions, verdicts, rows."""
