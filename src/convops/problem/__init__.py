"""What is asked: shapes, geometry and dtypes as immutable plain values. No arrays, no arithmetic on data.

Arguments are checked here, where their user-facing names are known; everything downstream trusts a Problem.
"""
