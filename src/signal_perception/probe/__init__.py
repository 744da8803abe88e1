"""Stage probe: what a linear classifier and CKA make of the features of each tap."""
