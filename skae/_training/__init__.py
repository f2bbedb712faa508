"""Who trains: the only room that imports skorch; it knows rows, and no estimator."""
