"""Of which feature a column is that a transformer has made."""


def columns_of(transformer):
    """Which columns of what a fitted transformer gives come from each feature that it was given.

    By names, as scikit-learn's encoders and `ColumnTransformer` make them.

    Returns
    -------
    list of lists of int

    Raises
    ------
    ValueError
        If a column is of no one feature, as those of `PCA` are.
    """
    n_features = transformer.n_features_in_
    names = getattr(transformer, "feature_names_in_", None)
    known = [f"x{i}" for i in range(n_features)] if names is None else list(map(str, names))
    blocks, mixed = [[] for _ in known], []
    for place, given in enumerate(transformer.get_feature_names_out()):
        fitting = [i for i, name in enumerate(known) if _is_of(given, name)]
        if not fitting:
            mixed.append(given)
            continue
        blocks[max(fitting, key=lambda i: len(known[i]))].append(place)
    if mixed:
        raise ValueError(
            f"Columns {mixed[:5]} are of no one feature of X, so no feature can be named for them. "
            "Ask the last step for its feature_scores, with what the steps before it give."
        )
    return blocks


def _is_of(given, name):
    """Whether a column may be one of a feature, by the names that transformers of columns give."""
    given = given.split("__", 1)[-1] if not given.startswith(name) else given
    return given == name or given.startswith(f"{name}_")
