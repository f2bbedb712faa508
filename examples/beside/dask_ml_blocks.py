"""dask-ml: a model that sees the blocks of a Dask array one by one, and codes of all of them."""

import dask.array as da
import numpy as np
from dask_ml.wrappers import Incremental, ParallelPostFit
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

digits = load_digits().data.astype(np.float32)
X = da.from_array(digits, chunks=(300, 64))

model = Incremental(AutoencoderTransformer(8, random_state=0), shuffle_blocks=False)
for _ in range(10):  # passes over the blocks
    model.partial_fit(X)
codes = ParallelPostFit(model.estimator_).transform(X)  # lazy, of the same blocks
# dask-ml takes the width of X for that of the codes, and has to be told.
codes = codes.map_blocks(np.asarray, chunks=(X.chunks[0], (8,)))
learned = explained_variance(model.estimator_, digits)
print(f"{codes.shape}, explained variance {learned:.3f}")

# What the page says.
assert isinstance(codes, da.Array)
np.testing.assert_allclose(codes.compute(), model.estimator_.transform(digits), atol=1e-5)
assert codes[:, 6:].compute().shape == (len(digits), 2)
assert learned > explained_variance(PCA(8).fit(digits), digits)
