"""What all models share: the list of models, taps, weights, checkpoints, attention, MLP."""
