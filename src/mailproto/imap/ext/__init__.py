"""Extensions of IMAP, one module for each RFC; each adds rows to the tables of commands, codes and keys."""
