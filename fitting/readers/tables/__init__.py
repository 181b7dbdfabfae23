"""What any table is: text, layout, units, columns."""
