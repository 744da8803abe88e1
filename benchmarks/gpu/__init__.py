"""What a GPU makes of the project: agreement with the CPU, repetition, stages, speed and memory."""
