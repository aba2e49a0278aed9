"""The program: the command line now, the window next."""
