"""The sentences under figures and charts."""
