-- The trace that a batch came with: what its box and this centre logged about it has the same id.
ALTER TABLE receipts ADD COLUMN trace_id text NOT NULL DEFAULT '';
