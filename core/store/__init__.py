"""What outlives the program: the queue with its history, and the files read and made, in one database."""
