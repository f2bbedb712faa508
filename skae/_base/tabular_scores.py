"""Verbs of a table that ask its autoencoder for scores and classes."""

from skae._base.tabular import TableEstimator, as_arrays, inside_has


class ScoringTable(TableEstimator):
    """Base class of what scores the rows of a table, or predicts their classes."""

    @inside_has("score_samples")
    @as_arrays
    def score_samples(self, X):
        """Score each row; higher is better.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Those of the autoencoder, of rows as it is given them.
        """
        rows = self._rows(X)
        return self.autoencoder_.score_samples(rows)

    @as_arrays
    def score(self, X, y=None, sample_weight=None):
        """Score X as the autoencoder does.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels, for an autoencoder that is judged by those.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the mean.

        Returns
        -------
        score : float
            Higher is better.
        """
        rows = self._rows(X)
        return self.autoencoder_.score(rows, y, sample_weight)

    @inside_has("predict")
    @as_arrays
    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            As the autoencoder gives it.
        """
        rows = self._rows(X)
        return self.autoencoder_.predict(rows)

    @inside_has("predict_proba")
    @as_arrays
    def predict_proba(self, X):
        """Estimate the probability of each class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        rows = self._rows(X)
        return self.autoencoder_.predict_proba(rows)
