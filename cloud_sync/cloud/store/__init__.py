"""What the centre keeps in PostgreSQL, and how it gets in and out."""
