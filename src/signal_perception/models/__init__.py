"""Video classification models, one file each; what they share is in core/ and families/."""
