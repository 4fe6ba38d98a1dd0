"""The box's memory: one SQLite file that holds readings, windows, diagnoses, alerts and what waits for the centre.

store      the facade: Store (the one writer) and StoreReader (the CLI beside it)
schema     the tables, each explained, and their migrations
block      codec of readings · payload: compression with a checksum
readings   blocks of readings in the file
records    windows, diagnoses and alerts in the file
outbox     what waits for the centre, in sealed batches
retention  what is shed when room runs out · losses: the ledger of it · reserve: room to work in when the disk is full
salvage    what is done with a damaged file
"""
