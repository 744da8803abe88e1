"""Stage decode: from video files to clip stores, with a verdict for every video."""
