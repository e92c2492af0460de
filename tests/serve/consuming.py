"""A consumer in a process of its own, to be killed: ``python -m tests.serve.consuming SOCKET PROJECT SEED COUNT``.

It replays purchases in small batches, folding at every append, and says which offset it has committed.
"""

import sys

from diptych.serve.addresses import Addresses
from diptych.serve.consume import Consumer
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.stores.address import Address
from diptych.serve.stores.valkey import ValkeyStore
from diptych.serve.stream import TableStream
from diptych.testing.build import table
from tests.serve.online import registry_of
from tests.serve.shop import by_user, by_user_and_shop, purchases, rows


def main(socket: str, project: str, seed: str, count: str) -> None:
    store, addresses = ValkeyStore(Address(socket_path=socket)), Addresses(project, "test")
    folder = Folder(store, addresses, fold_lag=0, threshold=256, worthwhile=1.0)
    ingestor = Ingestor(registry_of(by_user(), by_user_and_shop()), addresses, store, replay=True, folder=folder)
    stream = TableStream("purchases", table(purchases(), rows(int(count), int(seed))), "known", batch_rows=20)
    consumer = Consumer(ingestor, "events", stream)
    for offset, _ in consumer.steps("purchases"):
        print(offset, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
