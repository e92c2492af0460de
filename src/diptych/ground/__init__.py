"""The ground floor: types, expressions, time and errors, which every other room stands on."""
