"""What is the matter with a centre's database, as `hydrosight-cloud db check` says it."""
