"""Build the embedded data set "emoji of people" from open emoji sets and the names in Unicode CLDR."""
