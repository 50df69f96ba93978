"""A question about the ends of a kernel, answered with the smallest run that ends so (expression, search)."""
