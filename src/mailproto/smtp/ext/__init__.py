"""Extensions of SMTP, one module for each RFC: typed values, rows of parameters, the row a server offers."""
