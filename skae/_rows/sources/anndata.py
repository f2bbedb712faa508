"""Sparse matrices that AnnData leaves in a file, and AnnData itself."""

from scipy import sparse

from skae._rows.sources.pieces import PieceSource, is_of


class BackedCSRSource(PieceSource):
    """`X` of an AnnData that is backed by a file, if it is sparse: of rows it reads what it needs.

    A dense one is a dataset of h5py or an array of zarr.
    """

    kind = "a sparse matrix in a file, of AnnData"
    advice = "The file must stay open; if it is, it may be damaged."

    @staticmethod
    def takes(X):
        """Stored by columns too: to be refused."""
        return is_of(X, "anndata.abc", "CSRDataset", "CSCDataset")

    def __init__(self, X):
        if X.format != "csr":
            raise ValueError(
                "X is stored by columns (CSC) in a file, where each row is scattered over all of "
                "it. Take it into memory, X.to_memory(), or store it by rows: adata.X = "
                "adata.X.to_memory().tocsr(), then adata.write_h5ad(...)."
            )
        super().__init__(X)

    def _chunk_rows(self):
        chunks, n_values = self.X.group["data"].chunks, self.X.group["data"].shape[0]
        return -(-chunks[0] * len(self) // max(1, n_values)) if chunks else 1

    def _read(self, start, stop):
        return self.X[start:stop].toarray()

    def kept(self, rows):
        """Copies of some of the rows, as a CSR array."""
        return sparse.csr_array(self.block(rows))

    def _place(self):
        group = self.X.group
        return (group.file.filename, group.name) if hasattr(group, "file") else group

    @staticmethod
    def _open(place):
        from anndata.io import sparse_dataset

        if isinstance(place, tuple):
            import h5py

            filename, name = place
            place = h5py.File(filename, "r")[name]
        return sparse_dataset(place)
