"""Further kernels: each package has a VARIANT and C files that hold what it replaces."""
