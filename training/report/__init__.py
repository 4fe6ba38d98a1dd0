"""From what protocols measured to tables, plots, and documents that hold them. No model is run here."""
