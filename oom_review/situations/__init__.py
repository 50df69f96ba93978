"""Situations: for each claim a written family of bounded scenarios, in which every interleaving is tried."""
