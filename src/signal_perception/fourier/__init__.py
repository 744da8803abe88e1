"""Fourier statistics of activations: what they mean (NumPy) and how they are summed (torch)."""
