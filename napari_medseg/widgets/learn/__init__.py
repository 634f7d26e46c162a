"""Learning from corrected images: the cases, the plan, the run, and the page that judges it."""
