"""Nothing is lost: journals of what is painted, saving, projects, and what is asked before."""
