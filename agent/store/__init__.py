"""The box's memory: one SQLite file that holds readings, windows, diagnoses, alerts and what waits for the centre.

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
