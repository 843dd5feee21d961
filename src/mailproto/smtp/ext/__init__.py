"""Extensions of SMTP, one module for each: what it adds, and the row that a server offers."""
