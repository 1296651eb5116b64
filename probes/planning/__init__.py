"""A suite and a data set put together, without a model: images, prompts, groups, manifest."""

__all__: list[str] = []
