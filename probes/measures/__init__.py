"""How each kind of probe that is no classification is run: from embeddings to rows of `Records.measures`."""
