"""What a study will cost: counts of its videos, the work of each stage, and how fast it goes."""
