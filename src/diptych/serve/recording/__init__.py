"""The history log of ingestion: what was taken in, when it became known, and from where, kept as offline history.

Why it is written as it is. A row has to be in the log before its sender hears that it was taken, and a row that never
reached the store must not count. Writing the log first and the store after gives the one, and a mark after the store's
reply gives the other; what lies between the two is *in doubt* and settled by looking into the store (``settling``):

1. ``log``      the batch is appended to the writer's journal and synced; if that fails, the batch fails, unapplied
2. apply        the store appends, and for a stream commits the position
3. ``confirm``  a mark in the journal (a few bytes, not synced); only what is confirmed counts
4. the sender is answered

A kill -9 before 1 leaves nothing, in 1 a torn tail that is cut off, after 3 a batch that counts. Between them the next
process to feed that source (or the same one, where the store raised) settles the batch before anything else is taken
in. A stream's batch whose position is the stored one was applied. Of any other the store is asked whether a record of
it is there. None: it was never applied, is dropped, and comes again from the stream or from the one who pushed it, with
the instant of *that* time. Some: it was cut in half; it is applied again with the instants it was stamped with, which
ids make harmless, and counts. So after settling, the state and the log hold the same events with the same instants.

Each writer (a process's recorder) has journals of its own, locked as long as it lives: a journal without a lock is an
orphan, and whoever locks it may settle it. A full journal is rolled into one Parquet file under the same number:
written aside, synced, renamed, and only then is the journal deleted. A reader takes journals first and Parquet files
after, and believes the Parquet file where it finds both: it misses nothing and sees nothing twice at any moment.

What was weighed: Parquet per batch makes thousands of files and cannot be appended to; a log after the store's reply
loses what was acknowledged; positions alone (no marks) say nothing of pushes, and cannot tell a batch that was stamped,
lost and delivered again from the one that was applied.

What does not hold. Reads at the very time between a crash and the settling may have seen less of a half applied batch
than its instants say. A *push* in doubt that is settled later than the source's ``dedup_window`` is not applied again;
it counts if a trace of it is left, and a fold may have taken that. A process that feeds the same source without
recording, or into another folder, is not seen. Locks are ``flock``: one machine, or a shared file system that has them.
"""
