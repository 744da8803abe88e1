"""Stage spectra: temporal Fourier statistics of activations."""
