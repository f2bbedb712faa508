"""dask-ml: a model that sees the blocks of a Dask array one by one, and codes of all of them."""

import dask.array as da
import numpy as np
from dask_ml.wrappers import Incremental, ParallelPostFit
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

digits = load_digits().data.astype(np.float32)
X = da.from_array(digits, chunks=(300, 64))

model = Incremental(AutoencoderTransformer(8, random_state=0), shuffle_blocks=False)
for _ in range(10):  # passes over the blocks
    model.partial_fit(X)
codes = ParallelPostFit(model.estimator_).transform(X)  # lazy, of the same blocks
print(codes)

# What the page says.
assert isinstance(codes, da.Array)
assert codes.chunks == (X.chunks[0], (8,))
np.testing.assert_allclose(codes.compute(), model.estimator_.transform(digits), atol=1e-5)
