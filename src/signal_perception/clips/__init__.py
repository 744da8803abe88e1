"""Clips: the store of decoded frames, what of them makes a clip, and data sets of clips."""
