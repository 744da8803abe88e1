"""For notebooks and scripts: models of a study, what they do to a video, and its tables."""
