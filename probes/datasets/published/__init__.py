"""One loader a published data set."""

__all__: list[str] = []
