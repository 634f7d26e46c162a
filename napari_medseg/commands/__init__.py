"""What each word of the command line does; a module a word, imported when it is said."""
