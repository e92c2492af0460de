"""How far the store is from the floor: its reads and appends beside redis-py on the same keys of the same server.

    python -m benchmarks.store_floor

Answers are compared before anything is timed. Prints microseconds per call and ratios to redis-py.
"""

import random
import time
from collections.abc import Callable, Sequence
from statistics import median

import redis

from diptych.serve.stores.opening import open_store

KEYS, VALUE_BYTES, RECORD_BYTES, CALLS = 20_000, 500, 64, 1_000


def timed(call: Callable[[Sequence[bytes]], object], requests: Sequence[Sequence[bytes]]) -> float:
    """The median microseconds of a call."""
    spent = []
    for request in requests:
        begun = time.perf_counter()
        call(request)
        spent.append(time.perf_counter() - begun)
    return median(spent) * 1e6


def rate(call: Callable[[], object], rounds: int = 5) -> float:
    """The most appends per second of several rounds over all keys."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return KEYS / best


def main() -> None:
    """Measure and print."""
    draw = random.Random(1)
    keys = [b"benchmark:view:%08d" % number for number in range(KEYS)]
    record = draw.randbytes(RECORD_BYTES)
    with open_store(append_only=False) as store, redis.Redis(unix_socket_path=store.address.socket_path) as peer:
        store.append_many([(key, draw.randbytes(VALUE_BYTES)) for key in keys])
        assert store.get_many(keys) == peer.mget(keys)
        for size in (1, 100):
            requests = [draw.sample(keys, size) for _ in range(CALLS)]
            floor, ours = timed(peer.mget, requests), timed(store.get_many, requests)
            print(f"read {size:>3} keys: redis-py mget {floor:6.0f} us, store {ours:6.0f} us, ratio {ours / floor:.2f}")
        expiry = [store.now_us() // 1000 + 86_400_000] * KEYS
        items = [(key, record) for key in keys]

        def peer_appends() -> None:
            for start in range(0, KEYS, 2_000):
                pipeline = peer.pipeline(transaction=False)
                for key, value in items[start : start + 2_000]:
                    pipeline.append(key, value)
                pipeline.execute()

        floor = rate(peer_appends)
        for name, ours in (
            ("no expiry", rate(lambda: store.append_many(items))),
            ("expiry", rate(lambda: store.append_many(items, expiry))),
        ):
            print(f"append ({name}): redis-py pipeline {floor:,.0f}/s, store {ours:,.0f}/s, ratio {ours / floor:.2f}")


if __name__ == "__main__":
    main()
