"""What users call: arguments become a Problem, the Problem a Plan, the Plan an array. No arithmetic."""
