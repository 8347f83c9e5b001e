"""Who shall do it: pure functions of Problem and Machine, and the Plan that carries out the choice."""
