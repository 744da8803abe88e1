"""Figures for papers, drawn with matplotlib and seaborn: PNG and PDF."""
