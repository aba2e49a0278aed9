"""The program: the command line, the window and what both stand on."""
