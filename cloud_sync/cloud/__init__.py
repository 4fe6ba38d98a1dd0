"""The centre: enrolment, ingest, store, API and model registry."""
