"""Stage noise: Gaussian noise on chosen weights, cell by cell of the grids."""
