"""Where engineers have their data: Parquet, CSV, the centre's database, the rig's own text files; each a `Source`."""
