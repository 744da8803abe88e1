"""From encoded videos to batches: catalog, decoding, the clip store, frame sampling, transforms, and a synthetic data set."""
