"""The box's memory: one SQLite file that holds readings, windows, diagnoses, alerts and what waits for the centre.

What a writing method has returned from survives kill -9 and the loss of power, whole: every call is a transaction, and
its commit is flushed to the disk (WAL with synchronous=FULL) before it returns. The agent calls once every
`store.flush_interval_s` (1 s) with all that has arrived, so that one flush serves many readings; until then they are in
memory only. A window, its diagnosis, its alerts and their rows in the outbox are one transaction. This takes for
granted that the disk obeys a flush.

A reading is written twice: to the log when it arrives, and in a merged block that takes a third of the room. Pages of
blocks that are merged before the log is taken over into the file never reach the file at all.

store        the facade for the one writer · reader: the part of it that reads, also for the CLI beside the agent
schema       the tables, each explained, and their migrations
readings     readings in the file, by blocks · block: their codec · columns: of one sensor, as small as they go
payload      compression with a checksum
records      windows, diagnoses and alerts in the file
outbox       what waits for the centre, in lanes and sealed batches, and what it refused · traffic: what was sent to it
retention    what is shed when room runs out · losses: the ledger of it · reserve: room to shed in on a full disk
clock_ledger the ledger of the clock · restamp: times put right once the clock is known
salvage      what is done with a damaged file · file_format: as much of SQLite's as that takes
wear         what is written to the disk, and for how much content
statistics   what the store holds, how fast that grows, how long it lasts
connection   how the file is opened, transactions, SQLite's errors as ours · lock: one writer at a time
"""
