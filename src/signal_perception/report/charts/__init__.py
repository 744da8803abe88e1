"""Interactive charts of the page, as Vega-Lite specifications written with Altair."""
