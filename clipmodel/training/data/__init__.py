"""Training pairs: sources, batches in memory or streamed, augmentation."""
