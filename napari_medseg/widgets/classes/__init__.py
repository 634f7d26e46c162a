"""The classes of a Labels layer: names, colours, locks, counts, and the table that shows them."""
