"""What follows from the tables: numbers, tests and sentences, without a drawing."""
