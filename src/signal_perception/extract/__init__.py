"""Stage extract: activations of every tap."""
