"""The request log as serving holds it: a request hands over what it has in microseconds, a thread does the rest.

Nothing in here makes a request wait or fail. What waits is bounded in requests and in bytes; what is beyond that, or
cannot be written, is dropped and counted.
"""

import atexit
import itertools
import os
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych.compile.online.together import Block
from diptych.ground.values import ValueType
from diptych.rows.values import Values
from diptych.serve.addresses import Addresses
from diptych.serve.clock import Clock, system_clock
from diptych.serve.plans import Fetch, ServicePlan
from diptych.serve.requestlog.counting import Counted, Counting
from diptych.serve.requestlog.hashing import KeyedHash
from diptych.serve.requestlog.noted import Noted, Ticket
from diptych.serve.requestlog.positions import PositionReader
from diptych.serve.requestlog.sampling import Share
from diptych.serve.requestlog.segments import Segments
from diptych.serve.requestlog.writing import Rolling, Write, Writer, chunks

POLL_SECONDS = 0.2
"""How often the thread looks for requests: being woken by each would cost every request more than handing over."""

REST_SECONDS = 0.00002
CHUNK = 256
"""Requests that are decoded at a time, and the pause between two columns, so that no request waits for long."""

LONGEST_ID = 200
"""Characters of a caller's request id that are kept."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to log: a share of the requests, or of their rows by entity; which columns hashed; how much may wait."""

    share: float = 1.0
    by: str = "request"
    seed: int = 0
    hashed: frozenset[str] = frozenset()
    hashing: KeyedHash | None = None
    rolling: Rolling = field(default_factory=Rolling)
    queue_requests: int = 10_000
    queue_bytes: int = 64 << 20


_DEFAULT = Options()


class RequestLog:
    """The log of one process under a folder; safe for threads and forks. ``close`` writes what is left."""

    def __init__(
        self,
        root: Path,
        addresses: Addresses,
        options: Options = _DEFAULT,
        clock: Clock = system_clock,
        write: Write = Segments.write,
    ) -> None:
        """Name the folder; nothing is written and no thread runs before the first request."""
        self.root = root
        self.options = options
        self._addresses = addresses
        self._clock = clock
        self._write = write
        self._share = Share(options.share, options.seed)
        self._by_request = options.by == "request"
        self._begin()

    def _begin(self) -> None:
        """An empty queue and a writer of this process."""
        options = self.options
        self._process = os.getpid()
        self._name = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._random = random.Random(f"{options.seed}:{self._name}").random
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._stop = threading.Event()
        self._waiting: deque[tuple[int, Noted]] = deque()
        self._bytes = 0
        self._requests = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._counting = Counting()
        self._positions = PositionReader(self._addresses)
        words = {
            "format": 1,
            "project": self._addresses.project,
            "environment": self._addresses.environment,
            "share": options.share,
            "by": options.by,
            "seed": options.seed,
            "hashed": sorted(options.hashed),
            "key": options.hashing.id if options.hashing is not None and options.hashed else None,
            "writer": self._name,
        }
        self._writer = Writer(
            self.root,
            self._addresses,
            options.rolling,
            words,
            options.hashed,
            options.hashing,
            self._positions,
            self._counting,
            self.counted,
            self._name,
            self._rest,
            self._write,
        )

    def ticket(self, plan: ServicePlan, fetch: Fetch, request_id: str | None, began: int) -> Ticket | None:
        """Whether a request is sampled: its ticket, or None. ``began`` in nanoseconds of the performance counter.

        A request with an id is drawn by a hash of it, one without by lot.
        """
        try:
            rows = None
            if self._by_request:
                if request_id is None:
                    if self._random() >= self.options.share:
                        return None
                elif not self._share.holds(request_id):
                    return None
            else:
                rows = self._share.rows(fetch.row_keys, fetch.count)
                if rows is not None and not len(rows):
                    return None
            if not fetch.count:
                return None
            name = f"{self._name}-{next(self._numbers):x}" if request_id is None else str(request_id)[:LONGEST_ID]
            return Ticket(name, self._clock(), began, rows, self._positions.keys(plan))
        except Exception as error:
            self._counting.blame(error)
            return None

    def take(
        self,
        ticket: Ticket,
        plan: ServicePlan,
        fetch: Fetch,
        block: Block,
        derived: Mapping[str, tuple[ValueType, Values]],
        found: Sequence[bytes | None],
    ) -> None:
        """Take over a sampled request that was answered; never raises and never waits.

        ``found``: the states that were read, and behind them the documents of the ticket, where they were asked for.
        """
        try:
            latency = time.perf_counter_ns() - ticket.began
            documents = found[len(fetch.keys) :]
            if documents:
                self._positions.notice(plan, documents)
            self._put(Noted.of(ticket, plan, fetch, block, derived, found, latency))
        except Exception as error:
            self._count()
            self._counting.drop("error", 1, error)

    def _put(self, note: Noted) -> None:
        """Queue a request, or drop it where too much waits."""
        if os.getpid() != self._process:
            self._begin()  # a fork: the thread and the queue are the parent's
        size = note.size
        with self._lock:
            self._requests += 1
            full = len(self._waiting) >= self.options.queue_requests or self._bytes + size > self.options.queue_bytes
            taken = not full and not self._closed
            if taken:
                self._waiting.append((size, note))
                self._bytes += size
                if self._thread is None:
                    self._start()
        if not taken:
            self._counting.drop("queue", 1)

    def _count(self) -> None:
        with self._lock:
            self._requests += 1

    def counted(self) -> Counted:
        """What this process sampled, wrote and lost so far."""
        with self._lock:
            requests = self._requests
        return self._counting.counted(requests)

    def flush(self) -> None:
        """Write everything that was handed over; waits for the disk."""
        with self._working:
            self._work(all_of_it=True)

    def close(self, timeout: float = 10.0) -> None:
        """Write what is left, for at most ``timeout`` seconds, and end the thread; what comes later is dropped."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        self._stop.set()
        atexit.unregister(self.close)
        if thread is None or self._process != os.getpid():
            return
        thread.join(timeout)
        if thread.is_alive():
            with self._lock:
                lost = len(self._waiting)
                self._waiting.clear()
            self._counting.drop("disk", lost)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="diptych-request-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _run(self) -> None:
        stop = self._stop
        while not stop.wait(POLL_SECONDS):
            self._try(all_of_it=False)
        self._try(all_of_it=True)
        with self._working:
            self._writer.give_up()

    def _try(self, *, all_of_it: bool) -> None:
        """Work, whatever goes wrong in it: a thread that ends would drop everything from then on."""
        try:
            with self._working:
                self._work(all_of_it=all_of_it)
        except Exception as error:
            self._counting.blame(error)

    def _work(self, *, all_of_it: bool = False) -> None:
        """Decode what waits, and write what is due."""
        with self._lock:
            count = len(self._waiting)
            noted = list(itertools.islice(self._waiting, count))
        for some in chunks(noted, CHUNK):
            self._writer.take([note for _, note in some])
            with self._lock:
                for _ in range(min(len(some), len(self._waiting))):
                    size, _ = self._waiting.popleft()
                    self._bytes -= size
            self._writer.roll()
        self._writer.roll(all_of_it=all_of_it)

    def _rest(self) -> None:
        if not self._stop.is_set():
            time.sleep(REST_SECONDS)
