"""What it costs to know: a download that is verified next to one that is not, exports, and the check of a receipt."""
