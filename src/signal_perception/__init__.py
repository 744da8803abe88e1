"""How video models perceive signals in time: temporal spectra of activations and robustness to weight noise."""
