"""What the Evaluator's metrics are made of: totals of disjoint rows that add up in any order."""
