"""poptorch 3.4: DataLoader."""

import torch

from ._enums import DataLoaderMode
from ._errors import from_python
from ._options import Options

_RING = 3


def _serve(started, commands, parts):
    """Be the loading process: it exists once it has unpickled what it loads."""
    started.send(parts)
    try:
        commands.recv()
    except EOFError:
        return  # its parent is gone


class DataLoader(torch.utils.data.DataLoader):
    """Loads combined batches: batch_size x iterations x replicas x accumulation.

    poptorch 3.4, DataLoader: drop_last is True unless set; what a call would not divide is refused.
    """

    def __init__(  # noqa: PLR0917  # the SDK's signature
        self,
        options,
        dataset,
        batch_size=1,
        shuffle=None,
        num_workers=0,
        drop_last=True,
        persistent_workers=None,
        auto_distributed_partitioning=True,
        mode=DataLoaderMode.Sync,
        async_options=None,
        rebatched_worker_size=None,
        batch_sampler=None,
        **more,
    ):
        assert isinstance(options, Options)
        assert mode != DataLoaderMode.AsyncRebatched, "the stand-in has no AsyncRebatched"
        options._freeze()
        self._combined = (
            batch_size
            * options.device_iterations
            * options.replication_factor
            * options.Training.gradient_accumulation
        )
        count = len(more["sampler"]) if more.get("sampler") is not None else len(dataset)
        assert drop_last or count % self._combined == 0, (
            f"The number of elements in the dataset ({count}) is not divisible by the number of "
            f"elements processed per step ({self._combined}) and drop_last=False. "
            "Switch to drop_last=True."
        )
        super().__init__(
            dataset,
            batch_size=self._combined,
            shuffle=bool(shuffle),
            num_workers=num_workers,
            drop_last=drop_last,
            persistent_workers=bool(persistent_workers),
            **more,
        )
        self._mode = mode
        self._elsewhere = None
        self._ended = self._read = False
        self._ahead = None
        if mode == DataLoaderMode.Async:
            # poptorch 3.4, DataLoader: in Async mode another process loads; what it needs travels.
            self._elsewhere = self._start((self.dataset, self.batch_sampler, self.collate_fn))

    def _start(self, parts):
        """Return what another process made of the parts; Error where it could not.

        poptorch 3.4, DataLoader: it is spawned, and imports what it unpickles. Here it does no
        more: what it would load is loaded in this process, by the parts that it sends back.
        """
        context = torch.multiprocessing.get_context("spawn")
        receiver, started = context.Pipe(duplex=False)
        commands, self._commands = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(started, commands, parts), daemon=True)
        self._process.start()
        started.close()
        commands.close()
        try:
            return receiver.recv()
        except EOFError:
            self._process.join()  # its pipe is closed before it has printed why
        raise from_python("The loading process failed to start (see what it printed)")

    @property
    def combinedBatchSize(self):
        return self._combined

    def terminate(self):
        """End the loading process; nothing can be loaded afterwards."""
        self._ended = True
        if self._elsewhere is not None:
            self._commands.send("end")
            self._process.join()

    def __iter__(self):
        assert not self._ended, "the loader was terminated"
        if self._elsewhere is None:
            yield from super().__iter__()
            return
        dataset, batches, collate = self._elsewhere
        # poptorch 3.4, DataLoader: Async is an epoch ahead, which is given up where the last one
        # was not read to its end.
        epoch = list(batches) if self._ahead is None or not self._read else self._ahead
        self._read, ring = False, []
        for number, keys in enumerate(epoch):
            loaded = collate([dataset[key] for key in keys])
            if len(ring) < _RING:
                ring.append(loaded)
            # poptorch 3.4, DataLoader: Async returns shared memory, which is filled again.
            shared = ring[number % _RING]
            for target, source in zip(shared, loaded):
                target.copy_(source)
            if number == len(epoch) - 1:
                self._ahead = list(batches)
            yield shared
        self._read = True
