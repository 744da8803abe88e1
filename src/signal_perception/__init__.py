"""How video models perceive signals in time.

Temporal spectra of their activations, and their robustness to weight noise.
"""
