"""A trained model on its device, and the logits and scores of clips."""
