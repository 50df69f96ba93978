"""What `oom-review kernels` can do, a module each."""
