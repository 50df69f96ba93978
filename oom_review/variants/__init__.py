"""Kernels as packages: loaded (loading), their functions listed (functions), written from a list (skeleton) or from a C diff (c_diff)."""
