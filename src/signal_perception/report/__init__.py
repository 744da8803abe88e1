"""The report: one HTML page and its figures, drawn from tables alone, never from models or videos."""
