"""Tables of mixed columns: what each holds, as numbers, and the way back."""
