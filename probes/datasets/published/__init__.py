"""One loader a published data set."""
