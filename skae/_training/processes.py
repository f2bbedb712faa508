"""One fit in several processes, through Hugging Face accelerate."""

import zlib

import torch

from skae._rows.batches import BatchIterator
from skae._training.net import ObjectiveNet
from skae._training.recording import Recorder


class SharedNet(ObjectiveNet):
    """A net that several processes train together, each on its part of a batch.

    All of them hold the same rows, and are at the same weights after each step, for they add up
    their gradients first. What a batch is does not depend on how many they are, so the result is
    that of one process but for rounding. Only what a model computes from a whole batch, such as the
    statistics of batch normalization, is that of a part; and noise is drawn anew in each process.

    skorch's `AccelerateMixin` does something else: it hands the module to torch's data parallelism,
    which can not take gradients of some parameters alone, as phases do, and it leaves batches as
    they are unless they come from a torch DataLoader.

    Parameters
    ----------
    accelerator : accelerate.Accelerator
        Which processes there are.
    """

    def __init__(self, *args, accelerator, **kwargs):
        self.accelerator = accelerator
        super().__init__(*args, **kwargs)

    def _sum(self, tensor):
        """The sum over the processes."""
        return self.accelerator.reduce(tensor.to(self.accelerator.device), "sum").to(tensor.device)

    def _first(self, tensor):
        """What the first process has there."""
        return self._sum(tensor if self.accelerator.is_main_process else torch.zeros_like(tensor))

    @torch.no_grad()
    def _take_over(self, tensors):
        for tensor in tensors:
            tensor.copy_(self._first(tensor))

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start all processes from the same weights, with noise of their own."""
        super().on_train_begin(net, X=X, y=y, **kwargs)
        self._check_same(X)
        self._take_over(self.module_.state_dict().values())
        self.validation_seed_ = self.accelerator.process_index
        if self.validation_seed_:
            seed = torch.initial_seed() + self.validation_seed_
            torch.default_generator.manual_seed(seed)
            if torch.device(self.device).type == "cuda":
                with torch.cuda.device(self.device):
                    torch.cuda.manual_seed(seed)

    def _check_same(self, rows):
        x, _ = rows[torch.arange(min(1024, len(rows)), device=rows.device)]
        seen = len(rows), zlib.crc32(rows.subset.tobytes()), x.nan_to_num().abs().mean().item()
        seen = torch.tensor([seen], dtype=torch.float64, device=self.accelerator.device)
        all_seen = self.accelerator.gather(seen)
        if (all_seen[:, :2] != seen[:, :2]).any() or not torch.allclose(all_seen, seen, rtol=1e-5):
            raise ValueError(
                "The processes that train together have different rows. Give each of them all of X "
                "(a batch is divided among them), the same X_val if any, and the same integer as "
                "random_state."
            )

    def get_iterator(self, dataset, training=False):
        """Batches; in training the part of each that is for this process."""
        iterator = super().get_iterator(dataset, training=training)
        return self._divided(iterator) if training else iterator

    def _divided(self, iterator):
        n_processes = self.accelerator.num_processes
        if not isinstance(iterator, BatchIterator):
            raise ValueError(
                f"net_params has an iterator, {type(iterator).__name__}, which does not know how "
                "to divide batches among processes. Leave it out, or the accelerator."
            )
        if len(iterator.rows) < n_processes * len(iterator):
            raise ValueError(
                f"{len(iterator.rows)} rows in {len(iterator)} batches can not be divided among "
                f"{n_processes} processes. Raise batch_size, or take fewer processes."
            )
        iterator.deal = self._deal
        return iterator

    def _deal(self, batches):
        """The rows of each batch that are for this process; the first one says what a batch is."""
        rows = self._first(torch.cat(batches)).split([len(batch) for batch in batches])
        n_processes, which = self.accelerator.num_processes, self.accelerator.process_index
        return [batch.tensor_split(n_processes)[which] for batch in rows]

    def _make_recorder(self):
        return Recorder(self.module_, wanted=False)  # gradients wait for the other processes

    def _share_gradients(self, parameters, n_rows):
        """Make them those of the whole batch; a process that knows none of a parameter adds 0."""
        moving = [parameter for parameter in parameters if parameter.requires_grad]
        known = [parameter.grad is not None for parameter in moving]
        for parameter, is_known in zip(moving, known, strict=True):
            if not is_known:
                parameter.grad = torch.zeros_like(parameter)
        counts = moving[0].new_tensor([1.0, *known])
        sums = self._sum(n_rows * torch.cat([*(p.grad.flatten() for p in moving), counts]))
        *sums, counts = sums.split([*(p.numel() for p in moving), len(counts)])
        for parameter, of_all in zip(moving, sums, strict=True):
            parameter.grad.copy_((of_all / counts[0]).view_as(parameter))
        if not all(known):
            for parameter, count in zip(moving, counts[1:].tolist(), strict=True):
                if not count:
                    parameter.grad = None

    def _of_all_rows(self, sums, counts):
        return self._sum(torch.tensor([sums, counts], dtype=torch.float64)).tolist()

    def _is_over(self):
        return bool(self._sum(torch.tensor(float(self.stops_))))

    def mean_terms(self, iterator, training, prefix, step_fn):
        """Means over the rows of all processes."""
        terms = super().mean_terms(iterator, training, prefix, step_fn)
        if training:  # running means, which each process has of its own rows
            self._take_over(self.module_.buffers())
        return terms

    def validate(self, iterator, reports=False):
        """Each process validates on its part; all of them know the result."""
        from accelerate.utils import gather_object

        terms = super().validate(self._divided(iterator), reports)
        self.row_losses_ = torch.cat(gather_object([self.row_losses_]))
        return terms

    def on_train_end(self, net, **kwargs):
        """Wait for the others: the first one may be writing a checkpoint that all will read."""
        super().on_train_end(net, **kwargs)
        self.accelerator.wait_for_everyone()

    def save_params(self, *args, **kwargs):
        """Write files in one process only."""
        if self.accelerator.is_main_process:
            super().save_params(*args, **kwargs)
