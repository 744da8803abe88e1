"""Stage report: figures and one page from the tables."""
