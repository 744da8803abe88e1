"""Two experiments against each other: parameters, numbers that moved, one page with both."""
