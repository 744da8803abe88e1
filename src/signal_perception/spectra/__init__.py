"""Stage spectra: Fourier statistics of activations over time, over space and over both."""
