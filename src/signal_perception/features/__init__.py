"""Stage features: what every tap says of every video, as one row of numbers."""
