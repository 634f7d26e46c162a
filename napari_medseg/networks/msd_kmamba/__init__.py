"""MSD-KMamba: state-space and Kolmogorov-Arnold blocks for volumes of several modalities."""
