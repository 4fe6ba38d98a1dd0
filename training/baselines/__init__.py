"""What a model has to beat: nothing learned, the clock, and what a reliability engineer would use instead."""
