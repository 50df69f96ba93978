"""The core situations once more, in Promela, as an independent check and a yardstick."""
