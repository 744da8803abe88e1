"""What the stages found: their tables, read, and the names and colours of what is in them."""
