"""Activations on this machine: what keeping them costs beside the model that makes them."""
