"""Dossiers, documents, pages and the bookings of readings, as rows of the encrypted database."""
